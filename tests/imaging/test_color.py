import itertools

import numpy as np
import pytest

from rimlight.imaging.color import ColorSpace, bgr_to_i420, i420_to_bgr, split_planes

SPACES = [
    ColorSpace(matrix, full_range)
    for matrix, full_range in itertools.product(("bt601", "bt709", "bt2020"), (False, True))
]


@pytest.mark.parametrize("color", SPACES, ids=str)
def test_flat_colors_survive_the_round_trip(color):
    rng = np.random.default_rng(1)
    for bgr in rng.integers(0, 256, (20, 3)):
        picture = np.broadcast_to(bgr.astype(np.uint8), (4, 6, 3)).copy()
        back = i420_to_bgr(bgr_to_i420(picture, color), color)
        assert np.abs(back.astype(int) - bgr).max() <= 3


def test_green_of_bt709_has_the_standard_values():
    green = np.zeros((2, 2, 3), np.uint8)
    green[..., 1] = 255
    y, u, v = split_planes(bgr_to_i420(green, ColorSpace("bt709")))
    assert (y[0, 0], u[0, 0], v[0, 0]) == (173, 42, 26)  # ITU-R BT.709, limited range


def test_full_range_white_is_255():
    white = np.full((2, 2, 3), 255, np.uint8)
    y, u, v = split_planes(bgr_to_i420(white, ColorSpace("bt601", full_range=True)))
    assert (y[0, 0], u[0, 0], v[0, 0]) == (255, 128, 128)


def test_odd_sides_are_refused():
    with pytest.raises(ValueError, match="even sides, got 3x2"):
        bgr_to_i420(np.zeros((2, 3, 3), np.uint8))


def test_planes_are_views():
    i420 = np.zeros((6, 4), np.uint8)
    split_planes(i420)[2][...] = 7
    assert (i420.reshape(-1)[-4:] == 7).all() and i420.sum() == 28
