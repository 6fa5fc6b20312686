import pytest

from rimlight import looks
from rimlight.config import PartConfig
from rimlight.errors import ConfigError


def parts(*each):
    return tuple(PartConfig.model_validate(part) for part in each)


BLUR = {"kind": "blur", "radius_px": 20.0}
HUD = {"kind": "hud"}
FLIP = {"kind": "flip", "mirror": True}


def plain(found):
    return [part.model_dump() for part in found]


def test_a_background_takes_the_place_of_the_blur():
    found = looks.with_background(parts(BLUR, HUD), "white")
    assert plain(found) == [{"kind": "replace", "background": "white"}, HUD]


def test_what_stays_in_front_stays():
    found = looks.with_background(parts({**BLUR, "keep": ["person", "cat"]}), "white")
    assert found[0].options["keep"] == ["person", "cat"]


def test_a_blur_can_grow_and_shrink():
    assert looks.with_blur(parts(BLUR), "+5")[0].options["radius_px"] == 25
    assert looks.with_blur(parts(BLUR), "-50")[0].options["radius_px"] == looks.LEAST_BLUR_PX


def test_a_blur_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="much"):
        looks.with_blur(parts(BLUR), "much")


def test_the_next_background_is_the_next_picture_of_the_folder_and_then_the_first(tmp_path):
    for name in ("a.jpg", "b.png", "notes.txt"):
        (tmp_path / name).touch()
    first = looks.with_background(parts(BLUR), str(tmp_path / "a.jpg"))
    second = looks.with_next_background(first)
    assert second[0].options["background"] == str(tmp_path / "b.png")
    assert looks.with_next_background(second) == first


def test_after_a_blur_there_is_no_next_background():
    with pytest.raises(ConfigError, match="next"):
        looks.with_next_background(parts(BLUR))


def test_the_mirror_turns_on_and_off():
    on = looks.with_mirror(parts(BLUR), on=None)
    assert plain(on) == [BLUR, FLIP]
    assert plain(looks.with_mirror(on, on=None)) == [BLUR]
    assert looks.with_mirror(on, on=True) == on


def test_only_some_effects_cover_the_room():
    assert looks.covered(parts(HUD, BLUR))
    assert not looks.covered(parts(HUD, FLIP))
