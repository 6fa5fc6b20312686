from pathlib import Path

import pytest

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.factory.cover import hides_background
from rimlight.live import effect_edits


def parts(*each):
    return tuple(EffectConfig.model_validate(part) for part in each)


BLUR = {"kind": "blur", "radius_px": 20.0}
HUD = {"kind": "hud"}
FLIP = {"kind": "flip", "horizontal": True}


def plain(found):
    return [part.model_dump() for part in found]


def test_a_background_takes_the_place_of_the_blur():
    found = effect_edits.replace_background(parts(BLUR, HUD), "white")
    assert plain(found) == [{"kind": "replace", "background": "white"}, HUD]


def test_what_stays_in_front_stays():
    found = effect_edits.replace_background(parts({**BLUR, "keep": ["person", "cat"]}), "white")
    assert found[0].given["keep"] == ["person", "cat"]


def test_a_blur_can_grow_and_shrink():
    assert effect_edits.set_blur(parts(BLUR), "+5")[0].given["radius_px"] == 25
    assert (
        effect_edits.set_blur(parts(BLUR), "-50")[0].given["radius_px"] == effect_edits.MIN_BLUR_PX
    )


def test_a_blur_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="much"):
        effect_edits.set_blur(parts(BLUR), "much")


def backgrounds(all_parts):
    return [Path(one[0].options.background).name for one in all_parts]


def test_the_next_backgrounds_are_the_pictures_of_the_folder_in_turn(tmp_path):
    for name in ("a.jpg", "b.png", "10.gif", "._a.jpg", ".b.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "c.jpg").mkdir()
    first = effect_edits.replace_background(parts(BLUR), str(tmp_path / "a.jpg"))
    assert backgrounds(effect_edits.iterate_next_backgrounds(first)) == ["b.png", "10.gif", "a.jpg"]


def test_the_next_background_is_found_where_the_one_shown_is_gone(tmp_path):
    (tmp_path / "a.jpg").touch()
    gone = effect_edits.replace_background(parts(BLUR), str(tmp_path / "b.jpg"))
    assert backgrounds(effect_edits.iterate_next_backgrounds(gone)) == ["a.jpg"]
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ConfigError, match="no picture"):
        list(effect_edits.iterate_next_backgrounds(gone))


def test_after_a_blur_there_is_no_next_background():
    with pytest.raises(ConfigError, match="next"):
        list(effect_edits.iterate_next_backgrounds(parts(BLUR)))


def test_the_mirror_turns_on_and_off():
    on = effect_edits.toggle_mirror(parts(BLUR), on=None)
    assert plain(on) == [BLUR, FLIP]
    assert plain(effect_edits.toggle_mirror(on, on=None)) == [BLUR]
    assert effect_edits.toggle_mirror(on, on=True) == on


def test_only_some_effects_cover_the_room():
    assert [hides_background(part) for part in parts(HUD, BLUR)] == [False, True]
    assert not any(hides_background(part) for part in parts(HUD, FLIP))
