"""How blurred a picture is along an outline."""

import cv2
import numpy as np
import pytest
from soft_discs import disc, luma_of, mask_of, pixels_of, seen_through

from rimlight.refiners.match_sharpness import measure_outline


def backdrop(kind):
    """A flat wall, or one of soft spots."""
    wall = np.full((360, 640, 3), 60, np.float32)
    if kind == "spots":
        noise = np.random.default_rng(3).normal(0, 1, wall.shape).astype(np.float32)
        wall += 60 * cv2.GaussianBlur(noise, (0, 0), 3)
    return wall


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["wall", "spots"])
@pytest.mark.parametrize("blur_px", [0.7, 1.5, 3.0, 4.0])
def test_the_blur_of_a_picture_is_told_within_a_quarter(blur_px, kind, planar):
    sharp = disc()
    picture = seen_through(cv2.GaussianBlur(sharp, (0, 0), blur_px), backdrop(kind))
    seen = measure_outline(mask_of(sharp), luma_of(picture) if planar else pixels_of(picture))
    assert seen.blur_px == pytest.approx(blur_px, rel=0.25)


def test_noise_does_not_pass_for_sharpness():
    picture = seen_through(cv2.GaussianBlur(disc(), (0, 0), 3), backdrop("wall"))
    noisy = picture + np.random.default_rng(4).normal(0, 3, picture.shape)
    assert measure_outline(mask_of(disc()), pixels_of(noisy)).blur_px == pytest.approx(3, rel=0.25)


def test_the_slope_of_a_mask_is_told_in_pixels_of_the_picture():
    ramp = np.clip((np.arange(160, dtype=np.float32) - 70) / 20, 0, 1)
    alpha = np.repeat(ramp[None], 90, axis=0)
    picture = np.repeat(np.repeat(ramp, 4)[None, :, None], 360, axis=0) * (1, 1, 1) * 200
    # A pixel of the mask is four of the picture, and the ramp is 20 pixels of the mask wide.
    assert measure_outline(alpha, pixels_of(picture)).slope == pytest.approx(1 / 80, rel=0.02)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_mask_without_an_outline_tells_nothing(level):
    alpha = np.full((90, 160), level, np.float32)
    assert measure_outline(alpha, pixels_of(seen_through(disc(), backdrop("spots")))) is None


def test_an_outline_that_shows_no_edge_tells_nothing():
    assert measure_outline(mask_of(disc()), pixels_of(backdrop("wall"))) is None


def test_a_picture_too_small_to_look_at_tells_nothing():
    small = cv2.resize(seen_through(disc(), backdrop("wall")), (40, 30))
    assert measure_outline(mask_of(disc()), pixels_of(small)) is None
