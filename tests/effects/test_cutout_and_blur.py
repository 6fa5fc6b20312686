from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from scenes import as_i420, disc_mask, flat_frame, half_mask, make, smooth_frame

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.blur import BlurEffect
from rimlight.effects.cutout import CutoutEffect

LAYOUTS = pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])


@LAYOUTS
def test_cutout_makes_the_background_transparent_and_leaves_the_picture(layout):
    frame = layout(flat_frame())
    made = make(CutoutEffect).apply(frame, half_mask())
    assert (made.alpha[:, :28] == 255).all() and (made.alpha[:, 36:] == 0).all()
    assert (made.bgr[:, :24] == frame.bgr[:, :24]).all()


@LAYOUTS
def test_cutout_keeps_the_room_s_colors_in_the_edge_when_told_to(layout):
    image = np.full((48, 64, 3), 40, np.uint8)
    image[:, :4] = 200
    ramp = np.broadcast_to(np.linspace(1, 0, 64, dtype=np.float32)[None, :, None], (48, 64, 1))
    mask = Mask(np.ascontiguousarray(ramp), ("person",))
    frame = layout(flat_frame().with_bgr(image))
    made = make(CutoutEffect, decontaminate_edges=False).apply(frame, mask)
    kept, own = made.alpha >= 180, make(CutoutEffect).apply(frame, mask)
    assert np.abs(made.bgr.astype(int) - frame.bgr)[kept].max() <= 2
    assert np.abs(own.bgr.astype(int) - frame.bgr)[kept].max() > 20


@LAYOUTS
def test_cutout_adds_to_the_transparency_there_is(layout):
    frame = layout(flat_frame()).with_alpha(np.full((48, 64), 100, np.uint8))
    made = make(CutoutEffect).apply(frame, half_mask())
    assert (made.alpha[:, :28] == 100).all() and (made.alpha[:, 36:] == 0).all()


def test_cutout_keeps_the_classes_that_were_named():
    mask = half_mask(classes=("person", "dog"))
    made = make(CutoutEffect, keep=("dog",)).apply(flat_frame(), mask)
    assert (made.alpha[:, :28] == 0).all() and (made.alpha[:, 36:] == 255).all()


@pytest.mark.parametrize("cls", [CutoutEffect, BlurEffect])
def test_a_class_the_model_lacks_is_refused_with_a_suggestion(cls):
    with pytest.raises(ConfigError, match="no class 'peson'") as caught:
        make(cls, keep=("peson",)).apply(flat_frame(), half_mask())
    assert "did you mean 'person'" in caught.value.hint


def checked_frame():
    """Fine squares, whose contrast tells sharp from blurred."""
    y, x = np.mgrid[:180, :320]
    image = np.where((x // 4 + y // 4) % 2, 200, 60).astype(np.uint8)
    return flat_frame(size=(320, 180)).with_bgr(cv2.merge([image] * 3))


@LAYOUTS
def test_blur_leaves_the_person_sharp_and_nothing_else(layout):
    frame = layout(checked_frame())
    made = make(BlurEffect, radius_px=10).apply(frame, half_mask()).bgr.astype(int)
    assert (np.abs(made[:, :140] - frame.bgr[:, :140]) <= 1).all()
    assert made[:, 200:].std() < 8 and made[:, :140].std() > 60


@LAYOUTS
def test_blur_shows_no_halo_of_the_person(layout):
    image = np.full((180, 320, 3), 40, np.uint8)
    image[:, :160] = 250
    frame = layout(flat_frame(size=(320, 180)).with_bgr(image))
    made = make(BlurEffect, radius_px=20).apply(frame, half_mask(shape=(180, 320)))
    assert np.abs(made.bgr[:, 164:].astype(int) - 40).max() <= 4


@LAYOUTS
def test_blur_leaves_the_transparency_as_it_was(layout):
    alpha = np.full((180, 320), 70, np.uint8)
    frame = layout(smooth_frame()).with_alpha(alpha)
    assert (make(BlurEffect).apply(frame, disc_mask()).alpha == alpha).all()


def test_nobody_in_the_picture_leaves_all_of_it_blurred():
    empty = Mask(np.zeros((4, 4, 1), np.float32), ("person",))
    assert make(BlurEffect, radius_px=10).apply(checked_frame(), empty).bgr.std() < 8


def backgrounds(refresh_hz, levels, size=(64, 48)):
    """The level of the background that a blur shows for flat frames, 30 a second."""
    effect = make(BlurEffect, radius_px=8, refresh_hz=refresh_hz)
    shown = []
    for index, level in enumerate(levels):
        frame = flat_frame(size=size)
        picture = np.full_like(frame.image, level)
        moment = replace(frame, index=index, pts=Fraction(index, 30)).with_bgr(picture)
        made = effect.apply(as_i420(moment), half_mask())
        shown.append(round(float(made.bgr[:, -8:].mean())))
    return shown


def test_a_blur_made_anew_15_times_a_second_changes_every_other_frame():
    levels = [40, 60, 80, 100, 120]
    assert backgrounds(15, levels) == pytest.approx([40, 40, 80, 80, 120], abs=2)


def test_without_a_rate_every_frame_is_blurred_anew():
    levels = [40, 60, 80, 100, 120]
    assert backgrounds(None, levels) == pytest.approx(levels, abs=2)
