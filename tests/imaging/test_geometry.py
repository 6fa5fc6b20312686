import numpy as np
import pytest

from rimlight.imaging.geometry import Rect, crop, letterbox


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((64, 32), (8, 8), Rect(0, 2, 8, 4)),
        ((32, 64), (8, 8), Rect(2, 0, 4, 8)),
        ((100, 100), (8, 8), Rect(0, 0, 8, 8)),
        ((1, 5000), (640, 640), Rect(319, 0, 1, 640)),
        ((1280, 720), (640, 640), Rect(0, 140, 640, 360)),
    ],
)
def test_a_letterboxed_picture_is_centered_and_keeps_its_shape(size, box, expected):
    assert letterbox(size, box) == expected


def test_whole_pixels_are_cut_as_they_are():
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    part = crop(values, Rect(2, 1, 4, 3))
    assert (part == values[1:4, 2:6]).all() and part.base is None


def test_parts_of_pixels_are_mixed_from_their_neighbors():
    values = np.tile(np.arange(8, dtype=np.float32), (4, 1))
    assert crop(values, Rect(1.5, 0, 4, 4))[0] == pytest.approx([1.5, 2.5, 3.5, 4.5], abs=0.02)


def test_many_channels_are_cut_alike():
    values = np.random.default_rng(0).random((6, 8, 21), np.float32)
    part = crop(values, Rect(1.5, 0.5, 4, 4))
    alone = crop(np.ascontiguousarray(values[..., 20]), Rect(1.5, 0.5, 4, 4))
    assert part.shape == (4, 4, 21) and part[..., 20] == pytest.approx(alone, abs=1e-6)


def test_a_single_channel_keeps_its_axis():
    assert crop(np.zeros((6, 8, 1), np.float32), Rect(0.5, 0, 4, 4)).shape == (4, 4, 1)
