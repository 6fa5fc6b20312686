import numpy as np
import pytest

from rimlight.imaging.color import ColorSpace, bgr_to_i420, i420_to_bgr
from rimlight.imaging.draw import ColorTable, paint_bgr, paint_i420

COLORS = {1: (0, 0, 200), 2: (200, 30, 0)}


def paint(opacity):
    colors, levels = np.zeros((256, 3), np.uint8), np.zeros(256, np.uint8)
    for index, color in COLORS.items():
        colors[index], levels[index] = color, opacity
    return ColorTable(colors, levels)


def stripes(size=(60, 40)):
    """Index 0, 1 and 2 beside each other."""
    return np.tile(np.repeat(np.arange(3, dtype=np.uint8), size[0] // 3), (size[1], 1))


@pytest.mark.parametrize("opacity", [0, 51, 128, 255])
def test_each_index_shows_its_color_as_opaque_as_it_is(opacity):
    picture = np.full((40, 60, 3), 100, np.uint8)
    made = paint_bgr(picture, stripes(), paint(opacity), dst=np.empty_like(picture)).astype(int)
    share = opacity / 255
    assert (made[:, :20] == 100).all()
    for index, color in COLORS.items():
        expected = 100 * (1 - share) + np.array(color) * share
        assert np.abs(made[:, index * 20 : index * 20 + 20] - expected).max() <= 1


@pytest.mark.parametrize("color", [ColorSpace(), ColorSpace("bt709", full_range=True)])
@pytest.mark.parametrize("opacity", [0, 128, 255])
def test_i420_is_painted_like_bgr(opacity, color):
    picture = np.full((40, 60, 3), (90, 120, 150), np.uint8)
    planar = bgr_to_i420(picture, color)
    out = np.empty_like(planar)
    made = paint_i420(planar, stripes(), paint(opacity), color=color, dst=out)
    exact = paint_bgr(picture, stripes(), paint(opacity), dst=np.empty_like(picture))
    far = np.abs(i420_to_bgr(made, color).astype(int) - exact)
    inner = np.delete(far, [18, 19, 20, 21, 38, 39, 40, 41], axis=1)
    assert inner.max() <= 4


@pytest.mark.parametrize("size", [(1, 1), (61, 41), (1, 9), (9, 1)], ids=str)
def test_i420_of_odd_size_takes_an_index_of_the_true_size(size):
    rows, columns = size[1] + size[1] % 2, size[0] + size[0] % 2
    planar = np.full((rows * 3 // 2, columns), 128, np.uint8)
    index = np.full((size[1], size[0]), 2, np.uint8)
    out = paint_i420(planar, index, paint(255), color=ColorSpace(), dst=np.empty_like(planar))
    assert np.abs(i420_to_bgr(out).astype(int) - COLORS[2]).max() <= 4
