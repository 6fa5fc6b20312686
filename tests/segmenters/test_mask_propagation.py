"""Masks that move along with the picture while nothing new is seen."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from rimlight.core.config import SegmenterConfig
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.motion_gate import MaskPropagator
from rimlight.segmenters.roi import RoiSegmenter

SIZE = (320, 180)
MODES = ("track", "multi")
EVERYTHING = Rect(0, 0, 1, 1)
LAYOUTS = pytest.mark.parametrize("layout", ["bgr", "i420"])


class BrightIsPerson:
    """Counts its looks."""

    def __init__(self):
        self.looks = 0

    def segment(self, frame):
        self.looks += 1
        small = cv2.resize(frame.bgr[..., 1], (64, 64)) / np.float32(255)
        return Mask((small > 0.9).astype(np.float32)[..., None], ("person",))

    def close(self):
        pass


def scene(left, *, seed=1, index=0, layout="bgr"):
    """A bright box with a pattern before a room with another."""
    rooms, suits = np.random.default_rng(seed), np.random.default_rng(7)
    room = cv2.resize(rooms.integers(20, 140, (18, 32, 3), np.uint8), SIZE)
    suit = cv2.resize(suits.integers(236, 255, (6, 6, 3), np.uint8), (60, 80))
    room[50:130, left : left + 60] = suit
    frame = Frame.from_bgr(room, index=index, pts=Fraction(index, 30), captured_at=0.0)
    return frame if layout == "bgr" else frame.with_i420(frame.i420)


def box(left):
    scores = np.zeros((90, 160, 1), np.float32)
    scores[25:65, left // 2 : left // 2 + 30] = 1
    return Mask(scores, ("person",))


@LAYOUTS
def test_a_mask_moves_along_with_the_picture(layout):
    moving = MaskPropagator()
    moving.update(box(100), scene(100, layout=layout))
    made = moving.propagate(scene(104, layout=layout), EVERYTHING).alpha() >= 0.5
    wanted = box(104).alpha() >= 0.5
    assert (made & wanted).sum() / (made | wanted).sum() > 0.93


def test_what_was_carried_once_is_not_carried_again():
    moving = MaskPropagator()
    moving.update(box(100), scene(100))
    assert moving.propagate(scene(100), EVERYTHING) is not None
    assert moving.propagate(scene(100), EVERYTHING) is None


def test_what_was_forgotten_is_not_carried():
    moving = MaskPropagator()
    moving.update(box(100), scene(100))
    moving.reset()
    assert moving.propagate(scene(100), EVERYTHING) is None


def test_a_cut_is_not_explained_by_motion():
    moving = MaskPropagator()
    moving.update(box(100), scene(100))
    assert moving.propagate(scene(100, seed=2), EVERYTHING) is None


def test_what_changes_outside_of_the_part_does_not_count():
    moving = MaskPropagator()
    moving.update(box(100), scene(100))
    beside = scene(100)
    beside.bgr[:, 240:] = 255
    assert moving.propagate(beside, Rect(0.2, 0.1, 0.4, 0.8)) is not None


@LAYOUTS
def test_of_people_who_keep_still_every_second_frame_is_looked_at(layout):
    model = BrightIsPerson()
    segmenter = RoiSegmenter(model, lambda _: model, propagate=True)
    masks = [segmenter.segment(scene(100, index=n, layout=layout)).alpha() for n in range(9)]
    assert model.looks == 2 + 4
    assert all(cv2.resize(mask, SIZE)[90, 130] == 1 for mask in masks)


def test_a_cut_is_looked_at_at_once():
    model = BrightIsPerson()
    segmenter = RoiSegmenter(model, lambda _: model, propagate=True)
    for index in range(2):
        segmenter.segment(scene(100, index=index))
    looks = model.looks
    segmenter.segment(scene(180, seed=2, index=2))
    assert model.looks > looks


def test_balanced_carries_and_best_looks_at_every_frame():
    balanced, best = (
        open_segmenter(SegmenterConfig(kind="model", model="auto", roi=mode)) for mode in MODES
    )
    assert balanced._propagate
    assert not best._first._propagate  # the frames of a video come to the first of its models
    balanced.close()
    best.close()


def test_a_picture_of_another_size_begins_anew():
    model = BrightIsPerson()
    segmenter = RoiSegmenter(model, lambda _: model, propagate=True)
    for index in range(2):
        segmenter.segment(scene(100, index=index))
    for index in (2, 3):
        small = scene(100, index=index)
        small = small.with_bgr(np.ascontiguousarray(small.bgr[:, 40:280]))
        made = segmenter.segment(small).alpha()
    assert model.looks == 2 + 1 + 2 + 1
    assert cv2.resize(made, (240, 180))[90, 90] == 1
