"""A live run covers the room, whoever chooses the effects: flags, files, profiles, words, keys."""

import shutil

import numpy as np
import pytest
import yaml
from scenes import flat_frame, make
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.cli.ctl import _resolve_files
from rimlight.core.config import EffectConfig, parse_run
from rimlight.core.errors import ConfigError
from rimlight.core.mask import Mask
from rimlight.effects.redact import RedactEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.factory import cover
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.validation import validate_config
from rimlight.live.commands import KEYS, LiveCommands
from rimlight.system import app_paths

TALL = "64x400"
"""So high that a blur of 4 pixels is the least that covers."""


def config(effects, **more):
    data = {
        "source": {"kind": "test-pattern", "size": TALL, "count": 2},
        "segmenter": {"kind": "threshold"},
        "effects": effects,
        "sinks": [{"kind": "null"}],
        "pipeline": {"fallback": "last"},
    }
    return parse_run(data | more, where="test")


def blur(radius_px, **more):
    return {"kind": "blur", "radius_px": radius_px, **more}


@pytest.fixture
def controls():
    """The controls of a run that is open, with a background of one color."""
    run_config = config([{"kind": "replace", "background": "white"}])
    with open_pipeline(run_config) as run:
        opened = LiveCommands(run, run_config)
        yield opened
        opened.close()


def part(**options):
    return EffectConfig.model_validate(options)


@pytest.mark.parametrize("height", [144, 360, 720, 1080, 2160, 4320])
def test_a_blur_covers_from_a_hundredth_of_the_height(height):
    assert cover.hides_background(part(**blur(cover.compute_min_blur_px(height))), height)
    assert not cover.hides_background(part(**blur(0.0099 * height)), height)


def test_the_usual_blur_is_too_little_for_a_picture_of_2160_rows():
    assert cover.hides_background(part(kind="blur"), 1080)
    assert not cover.hides_background(part(kind="blur"), 2160)


@pytest.mark.parametrize("radius_px", [0.0001, 1, 3.9, "0.1"])
def test_a_live_run_with_a_blur_that_hides_too_little_does_not_begin(radius_px):
    with (
        pytest.raises(ConfigError, match="hides too little") as caught,
        open_pipeline(config([blur(radius_px)])),
    ):
        pass
    assert "allow_passthrough=true" in caught.value.hint


def test_such_a_blur_is_fine_where_the_room_was_asked_for():
    asked = {"fallback": "last", "allow_passthrough": True}
    with open_pipeline(config([blur(0.1)], pipeline=asked)) as run:
        run.pipeline.run()


def test_it_is_fine_offline():
    validate_config(config([blur(0.1)], pipeline={}))


@pytest.mark.parametrize("words", [["blur", "3"], ["blur", "0.0001"]])
def test_a_word_that_makes_a_blur_too_little_is_refused(controls, words):
    with pytest.raises(ConfigError, match="400 pixels high") as caught:
        controls.execute(words)
    assert "blur 4 pixels" in caught.value.hint


def test_the_key_for_less_blur_ends_where_it_still_covers(controls):
    controls.execute(["blur", "20"])
    said = [controls.execute(list(KEYS["-"])) for _ in range(8)]
    assert said[-1] == "blur 4"
    assert controls.execute(["blur", "-1000"]) == "blur 4"


@pytest.mark.parametrize(
    "effects", [[blur(1)], [{"kind": "hud"}], [{"kind": "gray"}], [blur(20, keep=["background"])]]
)
def test_a_profile_that_does_not_cover_is_refused(controls, effects, tmp_path):
    path = tmp_path / "thin.yaml"
    path.write_text(yaml.safe_dump({"effects": effects}))
    with pytest.raises(ConfigError):
        controls.execute(["profile", str(path)])
    assert controls.get_status().effects == ["replace"]


@pytest.mark.parametrize(
    "effects",
    [
        [{"kind": "replace", "background": "white", "keep": ["background"]}],
        [{"kind": "cutout", "keep": ["person", "void"]}],
        [blur(20, keep=["rest"])],
        [{"kind": "gray"}],
        [{"kind": "redact"}],
    ],
)
def test_effects_that_leave_the_room_to_be_seen_do_not_cover(effects):
    with pytest.raises(ConfigError):
        validate_config(config(effects))


def test_a_choice_of_the_background_is_refused(controls):
    with pytest.raises(ConfigError, match="room would be seen"):
        validate_config(config([blur(20)], refiners=[{"kind": "select", "keep": ["background"]}]))
    with pytest.raises(ConfigError, match="room would be seen"):
        controls.execute(["keep", "background"])


@pytest.fixture
def room_card(tmp_path):
    """A folder with a model whose card calls the background foreground."""
    folder = app_paths.find_data_folder("models")
    card = yaml.safe_load((folder / "selfie.yaml").read_text())
    (name,) = (each["file"] for each in card["files"])
    shutil.copy(folder / name, tmp_path / name)
    card |= {"classes": ["background"], "foreground": ["background"], "palette": {}}
    (tmp_path / "room.yaml").write_text(yaml.safe_dump(card))
    return tmp_path / "room.yaml"


def test_a_card_that_calls_the_background_foreground_is_refused_live(room_card, controls):
    model = {"kind": "model", "model": str(room_card)}
    with pytest.raises(ConfigError, match="the model keeps 'background'"):
        validate_config(config([blur(20)], segmenter=model))
    with pytest.raises(ConfigError, match="the model keeps 'background'"):
        controls.execute(["model", str(room_card)])


@pytest.mark.parametrize("more", [[], ["--blur", "20"], ["--dry-run"]])
def test_no_setting_switches_the_rule_off_silently(more):
    words = ["live", "--source", "test-pattern:64x48", "--sink", "null", *more]
    done = CliRunner().invoke(app, [*words, "--set", "pipeline.fallback=null"])
    assert "fallback" in str(done.exception)
    assert "allow_passthrough=true" in done.exception.hint


@pytest.mark.parametrize("value", [-0.01, -3.0, -1e30, np.nan])
def test_scores_below_zero_hide_the_room(value):
    mask = Mask(np.full((12, 16, 1), value, np.float32), ("person",))
    made = make(ReplaceEffect, background="black").apply(flat_frame((200, 200, 200)), mask)
    assert made.bgr.max() == 0


@pytest.mark.parametrize("value", [-0.01, 1.01, 300.0, -1e30, np.nan, np.inf])
def test_a_mask_with_scores_outside_of_0_to_1_is_not_sound(value):
    assert not Mask(np.full((2, 2, 1), value, np.float32), ("person",)).is_finite
    assert Mask(np.full((2, 2, 1), 1.0000001, np.float32), ("person",)).is_finite


def test_what_must_be_covered_is_covered_where_a_mask_has_no_numbers():
    mask = Mask(np.full((12, 16, 1), np.nan, np.float32), ("person",))
    made = make(RedactEffect, style="fill").apply(flat_frame(), mask)
    assert made.bgr.max() == 0


@pytest.mark.parametrize(
    "words",
    [["panic", "on"], ["keep", "on"], ["model", "on"], ["profile", "on"], ["background", "white"]],
)
def test_a_word_of_ctl_is_no_file_that_lies_there(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("on", "white"):
        (tmp_path / name).touch()
    assert _resolve_files(words) == words


@pytest.mark.parametrize(
    "words", [["background", "my office.jpg"], ["model", "mine.tflite"], ["profile", "./on"]]
)
def test_a_file_that_ctl_names_is_found_from_the_run_s_folder(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / words[1]).touch()
    assert _resolve_files(words) == [words[0], str((tmp_path / words[1]).resolve())]
