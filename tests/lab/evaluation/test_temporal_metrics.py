"""Flicker, flow warping, edge stability, lag and ghosts of masks whose motion is known."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from rimlight.lab.evaluation.temporal_metrics import (
    FlowWarpingMeter,
    GhostMeter,
    LagMeter,
    Motion,
    MotionEstimator,
    choose_working_size,
    measure_edge_stability,
    measure_flicker,
    shrink_to_gray,
)

SIZE = (160, 120)


def texture(seed=0, size=SIZE):
    noise = np.random.default_rng(seed).normal(size=size[::-1])
    smooth = ndimage.gaussian_filter(noise, 2)
    return np.interp(smooth, (smooth.min(), smooth.max()), (0, 255)).astype(np.uint8)


def disc(x, y=60, radius=30):
    picture = np.zeros(SIZE[::-1], np.float32)
    return cv2.circle(picture, (x, y), radius, 1, -1)


def standstill():
    rows, columns = np.mgrid[:120, :160].astype(np.float32)
    return Motion(np.dstack([columns, rows]), np.ones((120, 160), bool))


def test_flicker_of_a_standing_picture_by_hand():
    # 24 of 160 x 120 pixels go from nothing to all: 1.25 thousandths.
    now = disc(80)
    now[0, :24] = 1
    assert measure_flicker(disc(80), now, standstill()) == pytest.approx(1.25)


def test_untrusted_pixels_do_not_count():
    motion = standstill()
    motion.trusted[:60] = False
    now = disc(80)
    now[0, :24] = 1
    assert measure_flicker(disc(80), now, motion) == 0


def test_nothing_is_said_where_the_flow_is_trusted_nowhere():
    motion = Motion(standstill().source, np.zeros((120, 160), bool))
    assert measure_flicker(disc(80), disc(80), motion) is None


def test_flow_finds_a_known_shift():
    before = texture()
    now = np.roll(before, (3, 5), axis=(0, 1))
    motion = MotionEstimator().estimate(before, now)
    inner = (slice(20, -20), slice(20, -20))
    moved = motion.source[inner] - standstill().source[inner]
    assert np.median(moved[..., 0]) == pytest.approx(-5, abs=0.1)
    assert np.median(moved[..., 1]) == pytest.approx(-3, abs=0.1)
    assert motion.trusted[inner].mean() > 0.95


def test_what_comes_into_view_is_not_trusted():
    before = texture()
    now = np.hstack([texture(1)[:, :12], before[:, :-12]])
    assert MotionEstimator().estimate(before, now).trusted[:, :8].mean() < 0.2


def test_a_mask_that_moves_with_the_picture_flickers_less_than_one_that_stays():
    before = texture()
    now = np.roll(before, 6, axis=1)
    motion = MotionEstimator().estimate(before, now)
    moving = measure_flicker(disc(80), disc(86), motion)
    staying = measure_flicker(disc(80), disc(80), motion)
    assert moving < 0.15 * staying


def test_carrying_a_mask_agrees_with_scipy():
    rows, columns = np.mgrid[:120, :160].astype(np.float32)
    source = np.dstack([columns - 2.25, rows + 1.5])
    motion = Motion(source, (source[..., 0] >= 0) & (source[..., 1] <= 119))
    carried = ndimage.map_coordinates(disc(80), [source[..., 1], source[..., 0]], order=1)
    expected = np.abs(disc(70) - carried)[motion.trusted].mean() * 1000
    assert measure_flicker(disc(80), disc(70), motion) == pytest.approx(expected, rel=0.01)


def test_working_size_shrinks_large_pictures_only():
    assert choose_working_size((1280, 720)) == (480, 270)
    assert choose_working_size((200, 100)) == (200, 100)
    assert choose_working_size((4000, 10)) == (480, 16)


def test_shrinking_makes_gray():
    picture = np.full((72, 128, 3), (10, 200, 30), np.uint8)
    gray = shrink_to_gray(picture, (64, 36))
    assert gray.shape == (36, 64)
    assert gray[0, 0] == round(0.114 * 10 + 0.587 * 200 + 0.299 * 30)


def colored_texture():
    noise = np.random.default_rng(5).normal(size=(*SIZE[::-1], 3))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0))
    return np.interp(smooth, (smooth.min(), smooth.max()), (0, 255)).astype(np.uint8)


def error_of(frames):
    meter = FlowWarpingMeter()
    for image, alpha in frames:
        meter.add(image, alpha)
    return meter.compute_error()


def test_a_mask_that_stands_in_a_standing_image_has_no_error():
    assert error_of([(colored_texture(), disc(80))] * 3) == 0


def test_the_error_is_the_changed_share_of_the_region_around_both_masks():
    small, large = disc(80, radius=20), disc(80, radius=24)
    # 16 pixels are added around the box of both masks, one less below and to the right.
    region = (2 * 24 + 16 + 16) ** 2
    changed = np.count_nonzero(small != large)
    frames = [(colored_texture(), small), (colored_texture(), disc(20)), (colored_texture(), large)]
    assert error_of(frames) == pytest.approx(changed / region, rel=0.01)


def test_every_second_frame_counts():
    assert (
        error_of(
            [
                (colored_texture(), disc(80)),
                (colored_texture(), disc(30)),
                (colored_texture(), disc(80)),
            ]
        )
        == 0
    )


def test_a_mask_that_moves_with_the_image_has_nearly_no_error():
    moved = np.roll(colored_texture(), 6, axis=1)
    skipped = (moved, disc(83))
    following = error_of([(colored_texture(), disc(80)), skipped, (moved, disc(86))])
    standing = error_of([(colored_texture(), disc(80)), skipped, (moved, disc(80))])
    assert following < 0.02 < standing / 2


def test_pixels_that_change_color_are_not_followed():
    brighter = cv2.add(colored_texture(), (40, 40, 40, 0))
    frames = [(colored_texture(), disc(80)), (colored_texture(), disc(80)), (brighter, disc(60))]
    assert error_of(frames) is None or error_of(frames) < 0.05


def test_without_a_mask_nothing_is_told():
    empty = np.zeros(SIZE[::-1], np.float32)
    assert error_of([(colored_texture(), empty)] * 3) is None


def test_an_edge_is_stable_within_a_pixel_and_not_beyond():
    assert measure_edge_stability(disc(80), disc(80), standstill()) == 1
    assert measure_edge_stability(disc(80), disc(81), standstill()) == 1
    assert measure_edge_stability(disc(80), disc(90), standstill()) < 0.5


def test_the_stability_of_no_edge_is_not_told():
    empty = np.zeros(SIZE[::-1], np.float32)
    assert measure_edge_stability(empty, disc(80), standstill()) is None


SHAPE = (60, 200)


def figure(x, radius=15):
    """A disc at a place between pixels, its rim anti-aliased."""
    picture = np.zeros(SHAPE, np.float32)
    cv2.circle(picture, (round(x * 256), 30 * 256), radius * 256, 1, -1, cv2.LINE_AA, 8)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def path(frame):
    """Sways like a person: 2 pixels a frame in the middle."""
    return 100 + 50 * np.sin(frame / 25)


def lag_of(mask_at, *, frames=80, truth_at=lambda i: figure(path(i))):
    meter = LagMeter()
    for index in range(frames):
        meter.add(mask_at(index), truth_at(index))
    return meter.find_lag()


@pytest.mark.parametrize("delay", [0, 1, 3, 8])
def test_a_mask_that_is_late_by_whole_frames(delay):
    assert lag_of(lambda i: figure(path(i - delay))) == pytest.approx(delay, abs=0.02)


@pytest.mark.parametrize("delay", [0.25, 0.5, 1.75])
def test_a_mask_that_is_late_by_parts_of_a_frame(delay):
    assert lag_of(lambda i: figure(path(i - delay))) == pytest.approx(delay, abs=0.05)


def test_a_mask_that_is_early():
    assert lag_of(lambda i: figure(path(i + 1))) == pytest.approx(-1, abs=0.02)


def test_a_mask_that_is_too_large_is_not_late():
    assert lag_of(lambda i: figure(path(i), radius=20)) == pytest.approx(0, abs=0.05)


def test_noise_is_not_late():
    random = np.random.default_rng(0)
    noisy = lag_of(lambda i: figure(path(i)) + random.normal(0, 0.2, SHAPE).astype(np.float32))
    assert noisy == pytest.approx(0, abs=0.1)


def test_an_average_with_the_frame_before_is_half_a_frame_late():
    late = lag_of(lambda i: (figure(path(i)) + figure(path(i - 1))) / 2)
    assert late == pytest.approx(0.5, abs=0.02)


def test_nothing_is_said_of_a_figure_that_stands():
    assert lag_of(lambda _: figure(100), truth_at=lambda _: figure(100)) is None


def test_nothing_is_said_of_a_few_frames():
    assert lag_of(lambda i: figure(path(i)), frames=10) is None


def test_nothing_is_said_of_a_mask_that_shows_something_else():
    other = np.zeros(SHAPE, np.float32)
    other[:, 120:] = 1
    assert lag_of(lambda _: other) is None


def test_by_hand_a_ghost_is_the_mask_where_the_truth_was():
    # A 10x10 square jumps 30 pixels; of the old place 50 pixels stay in the mask.
    first, second = np.zeros((2, *SHAPE), np.float32)
    first[10:20, 10:20], second[10:20, 40:50] = 1, 1
    left = second.copy()
    left[10:15, 10:20] = 1
    meter = GhostMeter()
    meter.add(first, first)
    meter.add(left, second)
    assert meter.measure_share() == 0.5


def test_a_soft_rim_and_a_wrong_spot_elsewhere_are_no_ghosts():
    truth, mask = np.zeros((2, *SHAPE), np.float32)
    truth[10:20, 10:20] = 1
    mask[9:21, 9:21] = 1
    mask[40:50, 100:110] = 1
    meter = GhostMeter()
    for _ in range(3):
        meter.add(mask, truth)
    assert meter.measure_share() == 0


def test_an_old_place_is_forgotten():
    first, second = np.zeros((2, *SHAPE), np.float32)
    first[10:20, 10:20], second[10:20, 40:50] = 1, 1
    meter = GhostMeter()
    meter.add(first, first)
    for _ in range(20):
        meter.add(first, second)
    # The first of 10 frames still remember the old place: 10 of 20 hold 100 ghost pixels of 100.
    assert meter.measure_share() == 0.5


def test_there_is_no_ghost_share_without_a_person():
    empty = np.zeros(SHAPE, np.float32)
    meter = GhostMeter()
    meter.add(empty, empty)
    meter.add(empty, empty)
    assert meter.measure_share() is None
