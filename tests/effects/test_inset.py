"""The person small in a corner, before slides or a screen."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from scenes import as_i420, flat_frame, make
from xvfb import start_display

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.backgrounds import open_background
from rimlight.effects.inset import InsetEffect, compute_inset
from rimlight.live.effect_edits import iterate_next_backgrounds
from rimlight.live.inset_moves import move_inset
from rimlight.pipeline.effects import apply_effects

CENTER = np.zeros((36, 64, 1), np.float32)
CENTER[9:, 24:40] = 1
MASK = Mask(CENTER, ("person",))
REPLACE = {"kind": "replace", "background": "#00ff00"}


def chain(*parts):
    return [EffectConfig.model_validate(part).open() for part in parts]


def room(size=(320, 180)):
    """A bright room; who the mask says is there, and what is close to them, is dark."""
    near = cv2.dilate(cv2.resize(CENTER, size, interpolation=cv2.INTER_NEAREST), np.ones((15, 15)))
    image = np.where(near[..., None] > 0, np.uint8(30), np.uint8(255)).repeat(3, axis=2)
    return flat_frame(size=size).with_bgr(image)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize("corner", ["bottom-right", "bottom-left", "top-left", "top-right"])
def test_the_person_stands_in_the_corner_and_the_room_is_nowhere(layout, corner):
    frame = as_i420(room()) if layout == "i420" else room()
    effects = chain({"kind": "inset", "corner": corner, "size": 0.4}, REPLACE)
    shown = apply_effects(effects, frame, MASK).bgr.astype(int)
    assert shown[..., [0, 2]].max() < 100  # chroma of half the size bleeds
    rows, columns = np.nonzero(shown[..., 1] < 100)
    left, top, right, bottom = compute_inset((320, 180), corner, 0.4)
    assert left <= columns.min() and columns.max() < right
    assert top <= rows.min() and rows.max() < bottom
    assert 0.5 < len(rows) / (0.4 * 0.4 * 320 * 180 * CENTER.mean()) < 1.5


def test_no_bright_room_is_left_before_a_black_background():
    effects = chain({"kind": "inset"}, {"kind": "replace", "background": "#000000"})
    assert apply_effects(effects, as_i420(room()), MASK).bgr.max() < 60


def test_the_mask_of_a_small_person_keeps_its_detail():
    effect = make(InsetEffect, size=0.3)
    effect.apply(room(), MASK)
    small = effect.transform_mask(MASK)
    assert small.shape == (108, 192)
    assert small.alpha().sum() == pytest.approx(CENTER.sum() * 9 * 0.09, rel=0.1)


def test_at_full_size_nothing_changes():
    effect = make(InsetEffect, size=1)
    frame = as_i420(room())
    assert (effect.apply(frame, MASK).image == frame.image).all()
    assert np.abs(effect.transform_mask(MASK).alpha() - CENTER[..., 0]).max() < 1e-3


def test_the_corner_goes_around_and_the_size_changes():
    effects = (EffectConfig.model_validate(REPLACE),)
    seen = []
    for _ in range(5):
        effects = move_inset(effects, ())
        seen.append(effects[0].options.corner)
    assert seen == ["bottom-right", "bottom-left", "top-left", "top-right", "bottom-right"]
    effects = move_inset(effects, ["top-left", "0.3"])
    effects = move_inset(effects, ["+0.05"])
    assert (effects[0].options.corner, effects[0].options.size) == ("top-left", 0.35)
    for _ in range(30):
        effects = move_inset(effects, ["-0.05"])
    assert effects[0].options.size == 0.1
    assert [part.kind for part in move_inset(effects, ["off"])] == ["replace"]


@pytest.mark.parametrize(
    ("values", "says"), [(["middle"], "neither a corner"), (["+0.1"], "not in a corner")]
)
def test_what_is_no_place_is_an_error(values, says):
    with pytest.raises(ConfigError, match=says):
        move_inset((EffectConfig.model_validate(REPLACE),), values)


def test_a_size_out_of_range_is_an_error_of_the_effect():
    moved = move_inset((EffectConfig.model_validate(REPLACE),), ["7"])
    with pytest.raises(ConfigError, match="size"):
        moved[0].open()


def write_slides(folder):
    for index, name in enumerate(("10.png", "2.png", "1.png")):
        cv2.imwrite(str(folder / name), np.full((20, 20, 3), index * 100, np.uint8))
    (folder / "notes.txt").write_text("not a slide")


def test_a_folder_shows_its_first_slide_and_turns_both_ways(tmp_path):
    write_slides(tmp_path)
    frame = flat_frame()
    assert (
        open_background(str(tmp_path), fit="fill", pad_color=(0, 0, 0)).fit_to(frame)[0, 0, 0]
        == 200
    )
    effects = (EffectConfig.model_validate({"kind": "replace", "background": str(tmp_path)}),)

    def turn(now, **how):
        return next(iterate_next_backgrounds(now, **how))

    def name(now):
        return now[0].options.background.rpartition("/")[2]

    second = turn(effects)
    third = turn(second)
    assert [name(second), name(third), name(turn(third))] == ["2.png", "10.png", "1.png"]
    assert name(turn(third, backward=True)) == "2.png"
    assert name(turn(effects, backward=True)) == "10.png"


def test_a_folder_without_a_slide_is_one_clear_error(tmp_path):
    (tmp_path / "notes.txt").write_text("not a slide")
    with pytest.raises(ConfigError, match="no picture in the folder"):
        open_background(str(tmp_path), fit="fill", pad_color=(0, 0, 0))


SHOW_SCREEN = """
from fractions import Fraction
import numpy as np
from rimlight.core.frame import Frame
from rimlight.effects.backgrounds import open_background
back = open_background("screen", fit="fill", pad_color=(0, 0, 0))
black = np.zeros((600, 800, 3), np.uint8)
frame = Frame.from_bgr(black, index=0, pts=Fraction(0), captured_at=0)
rows, columns = np.nonzero(back.fit_to(frame).max(axis=2))
from rimlight.core.config import EffectConfig
named = {"kind": "replace", "background": "screen"}
assert EffectConfig.model_validate(named).open().shows_screen
print(len(rows) > 20, abs(rows.mean() - 300) < 10, abs(columns.mean() - 400) < 10)
back.close()
"""


@pytest.fixture
def on_display():
    return {**os.environ, "DISPLAY": start_display()}


def test_the_screen_can_stand_behind_the_person(on_display):
    """An empty X server shows its pointer, in the middle of a black screen."""
    result = subprocess.run(
        [sys.executable, "-c", SHOW_SCREEN],
        env=on_display,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "True True True\n", result.stderr


def test_a_screen_that_is_gone_leaves_its_last_picture(on_display):
    code = (
        "from fractions import Fraction\n"
        "from rimlight.effects.screen_background import ScreenBackground\n"
        "back = ScreenBackground('64x48')\n"
        "first = back.read_frame(Fraction(0))\n"
        "assert back.read_frame(Fraction(1, 20)) is first\n"
        "assert back.read_frame(Fraction(1, 5)) is not first\n"
        "last = back.read_frame(Fraction(1))\n"
        "back.close()\n"
        "assert back.read_frame(Fraction(2)) is last\n"
        "print(last.shape)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=on_display,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "(48, 64, 3)\n", result.stderr
