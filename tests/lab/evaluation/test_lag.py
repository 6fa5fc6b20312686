import cv2
import numpy as np
import pytest

from rimlight.lab.evaluation.lag import GhostMeter, LagMeter

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
    return meter.frames()


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
    assert meter.share() == 0.5


def test_a_soft_rim_and_a_wrong_spot_elsewhere_are_no_ghosts():
    truth, mask = np.zeros((2, *SHAPE), np.float32)
    truth[10:20, 10:20] = 1
    mask[9:21, 9:21] = 1
    mask[40:50, 100:110] = 1
    meter = GhostMeter()
    for _ in range(3):
        meter.add(mask, truth)
    assert meter.share() == 0


def test_an_old_place_is_forgotten():
    first, second = np.zeros((2, *SHAPE), np.float32)
    first[10:20, 10:20], second[10:20, 40:50] = 1, 1
    meter = GhostMeter()
    meter.add(first, first)
    for _ in range(20):
        meter.add(first, second)
    # The first of 10 frames still remember the old place: 10 of 20 hold 100 ghost pixels of 100.
    assert meter.share() == 0.5


def test_there_is_no_ghost_share_without_a_person():
    empty = np.zeros(SHAPE, np.float32)
    meter = GhostMeter()
    meter.add(empty, empty)
    meter.add(empty, empty)
    assert meter.share() is None
