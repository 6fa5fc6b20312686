import cv2
import numpy as np
import pytest
from scipy import ndimage

from rimlight.lab.evaluation.temporal import Motion, MotionEstimator, flicker, shrink, working_size

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
    assert flicker(disc(80), now, standstill()) == pytest.approx(1.25)


def test_untrusted_pixels_do_not_count():
    motion = standstill()
    motion.trusted[:60] = False
    now = disc(80)
    now[0, :24] = 1
    assert flicker(disc(80), now, motion) == 0


def test_nothing_is_said_where_the_flow_is_trusted_nowhere():
    motion = Motion(standstill().source, np.zeros((120, 160), bool))
    assert flicker(disc(80), disc(80), motion) is None


def test_flow_finds_a_known_shift():
    before = texture()
    now = np.roll(before, (3, 5), axis=(0, 1))
    motion = MotionEstimator().between(before, now)
    inner = (slice(20, -20), slice(20, -20))
    moved = motion.source[inner] - standstill().source[inner]
    assert np.median(moved[..., 0]) == pytest.approx(-5, abs=0.1)
    assert np.median(moved[..., 1]) == pytest.approx(-3, abs=0.1)
    assert motion.trusted[inner].mean() > 0.95


def test_what_comes_into_view_is_not_trusted():
    before = texture()
    now = np.hstack([texture(1)[:, :12], before[:, :-12]])
    assert MotionEstimator().between(before, now).trusted[:, :8].mean() < 0.2


def test_a_mask_that_moves_with_the_picture_flickers_less_than_one_that_stays():
    before = texture()
    now = np.roll(before, 6, axis=1)
    motion = MotionEstimator().between(before, now)
    moving = flicker(disc(80), disc(86), motion)
    staying = flicker(disc(80), disc(80), motion)
    assert moving < 0.15 * staying


def test_carrying_a_mask_agrees_with_scipy():
    rows, columns = np.mgrid[:120, :160].astype(np.float32)
    source = np.dstack([columns - 2.25, rows + 1.5])
    motion = Motion(source, (source[..., 0] >= 0) & (source[..., 1] <= 119))
    carried = ndimage.map_coordinates(disc(80), [source[..., 1], source[..., 0]], order=1)
    expected = np.abs(disc(70) - carried)[motion.trusted].mean() * 1000
    assert flicker(disc(80), disc(70), motion) == pytest.approx(expected, rel=0.01)


def test_working_size_shrinks_large_pictures_only():
    assert working_size((1280, 720)) == (480, 270)
    assert working_size((200, 100)) == (200, 100)
    assert working_size((4000, 10)) == (480, 16)


def test_shrinking_makes_gray():
    picture = np.full((72, 128, 3), (10, 200, 30), np.uint8)
    gray = shrink(picture, (64, 36))
    assert gray.shape == (36, 64)
    assert gray[0, 0] == round(0.114 * 10 + 0.587 * 200 + 0.299 * 30)
