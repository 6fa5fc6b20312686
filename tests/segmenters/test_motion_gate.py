from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fakes import HalfSegmenter, make_frame

from rimlight.segmenters.motion_gate import MotionGatedSegmenter


class CountingSegmenter(HalfSegmenter):
    calls = 0
    closed = False

    def segment(self, frame):
        self.calls += 1
        return super().segment(frame)

    def close(self):
        self.closed = True


@pytest.fixture
def inner():
    return CountingSegmenter()


def still(index, change=0, size=(320, 180)):
    """The same picture at another time, with noise, and one corner lighter by `change`."""
    frame = make_frame(0, size)
    picture = frame.image.astype(int)
    picture += np.random.default_rng(index).integers(-3, 4, picture.shape)
    picture[: size[1] // 6, : size[0] // 8] += change
    moment = replace(frame, index=index, pts=Fraction(index, 30))
    return moment.with_bgr(np.clip(picture, 0, 255).astype(np.uint8))


def test_a_still_picture_keeps_its_mask(inner):
    gate = MotionGatedSegmenter(inner)
    masks = [gate.segment(still(index)) for index in range(10)]
    assert inner.calls == 1 and gate.skipped_frames == 9
    assert all(mask is masks[0] for mask in masks)


def test_a_small_part_that_moves_is_enough(inner):
    gate = MotionGatedSegmenter(inner)
    for index in range(10):
        gate.segment(still(index, change=12 * (index % 2)))
    assert inner.calls == 10


def test_a_slow_drift_adds_up(inner):
    gate = MotionGatedSegmenter(inner, refresh_s=Fraction(100))
    for index in range(20):
        gate.segment(still(index, change=index))
    assert 3 <= inner.calls <= 6


def test_a_mask_is_made_anew_after_a_while(inner):
    gate = MotionGatedSegmenter(inner, refresh_s=Fraction(1, 3))
    for index in range(30):
        gate.segment(still(index))
    assert inner.calls == 3


def test_another_size_or_going_back_is_never_still(inner):
    gate = MotionGatedSegmenter(inner)
    for frame in (still(5), still(6, size=(160, 90)), still(2, size=(160, 90))):
        gate.segment(frame)
    assert inner.calls == 3


def test_both_layouts_are_looked_at(inner):
    gate = MotionGatedSegmenter(inner)
    for index in range(4):
        frame = still(index, change=40 * (index == 3))
        gate.segment(frame.with_i420(frame.i420))
    assert inner.calls == 2


def test_closing_closes_the_inner_one(inner):
    MotionGatedSegmenter(inner).close()
    assert inner.closed
