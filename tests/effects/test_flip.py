import numpy as np
import pytest
from scenes import as_i420, disc_mask, make, smooth_frame

from rimlight.effects.flip import FlipEffect

WAYS = [(True, False), (False, True), (True, True)]


def turned(array, horizontal, vertical):
    return array[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def flip(frame, horizontal, vertical):
    return make(FlipEffect, horizontal=horizontal, vertical=vertical).apply(frame, disc_mask())


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("size", [(320, 180), (33, 17), (1, 9)], ids=str)
def test_a_picture_is_turned(size, way):
    frame = smooth_frame(0, size)
    assert (flip(frame, *way).bgr == turned(frame.bgr, *way)).all()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("size", [(320, 180), (33, 17), (1, 9)], ids=str)
def test_i420_is_turned(size, way):
    frame = as_i420(smooth_frame(0, size))
    far = np.abs(flip(frame, *way).bgr.astype(int) - turned(frame.bgr, *way))
    assert far.max() <= 2


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_twice_is_as_before(way):
    frame = as_i420(smooth_frame())
    assert (flip(flip(frame, *way), *way).image == frame.image).all()


@pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])
def test_the_transparency_is_turned_too(layout):
    alpha = np.arange(180 * 320, dtype=np.int64).reshape(180, 320).astype(np.uint8)
    made = flip(layout(smooth_frame()).with_alpha(alpha), horizontal=True, vertical=False)
    assert (made.alpha == alpha[:, ::-1]).all()


def test_it_mirrors_unless_told_otherwise():
    frame = smooth_frame()
    assert (make(FlipEffect).apply(frame, disc_mask()).bgr == frame.bgr[:, ::-1]).all()
    assert flip(frame, horizontal=False, vertical=False) is frame
