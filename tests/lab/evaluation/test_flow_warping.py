import cv2
import numpy as np
import pytest
from scipy import ndimage

from rimlight.lab.evaluation.flow_warping import FlowWarpingMeter, measure_edge_stability
from rimlight.lab.evaluation.temporal import Motion

HEIGHT, WIDTH = 120, 160


def texture():
    noise = np.random.default_rng(5).normal(size=(HEIGHT, WIDTH, 3))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0))
    return np.interp(smooth, (smooth.min(), smooth.max()), (0, 255)).astype(np.uint8)


def disc(x, y=60, radius=30):
    return cv2.circle(np.zeros((HEIGHT, WIDTH), np.float32), (x, y), radius, 1, -1)


def error_of(frames):
    meter = FlowWarpingMeter()
    for image, alpha in frames:
        meter.add(image, alpha)
    return meter.error()


def test_a_mask_that_stands_in_a_standing_image_has_no_error():
    assert error_of([(texture(), disc(80))] * 3) == 0


def test_the_error_is_the_changed_share_of_the_region_around_both_masks():
    small, large = disc(80, radius=20), disc(80, radius=24)
    # 16 pixels are added around the box of both masks, one less below and to the right.
    region = (2 * 24 + 16 + 16) ** 2
    changed = np.count_nonzero(small != large)
    frames = [(texture(), small), (texture(), disc(20)), (texture(), large)]
    assert error_of(frames) == pytest.approx(changed / region, rel=0.01)


def test_every_second_frame_counts():
    assert error_of([(texture(), disc(80)), (texture(), disc(30)), (texture(), disc(80))]) == 0


def test_a_mask_that_moves_with_the_image_has_nearly_no_error():
    moved = np.roll(texture(), 6, axis=1)
    skipped = (moved, disc(83))
    following = error_of([(texture(), disc(80)), skipped, (moved, disc(86))])
    standing = error_of([(texture(), disc(80)), skipped, (moved, disc(80))])
    assert following < 0.02 < standing / 2


def test_pixels_that_change_color_are_not_followed():
    brighter = cv2.add(texture(), (40, 40, 40, 0))
    frames = [(texture(), disc(80)), (texture(), disc(80)), (brighter, disc(60))]
    assert error_of(frames) is None or error_of(frames) < 0.05


def test_without_a_mask_nothing_is_told():
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    assert error_of([(texture(), empty)] * 3) is None


def standstill():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return Motion(np.dstack([columns, rows]), np.ones((HEIGHT, WIDTH), bool))


def test_an_edge_is_stable_within_a_pixel_and_not_beyond():
    assert measure_edge_stability(disc(80), disc(80), standstill()) == 1
    assert measure_edge_stability(disc(80), disc(81), standstill()) == 1
    assert measure_edge_stability(disc(80), disc(90), standstill()) < 0.5


def test_the_stability_of_no_edge_is_not_told():
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    assert measure_edge_stability(empty, disc(80), standstill()) is None
