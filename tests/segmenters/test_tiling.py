"""Tiles that are looked at where a mask is unsure."""

from fractions import Fraction

import numpy as np
import pytest

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.roi import (
    MAX_TILE_WEIGHT,
    TILES_PER_SIDE,
    RoiSegmenter,
    blend_tiles,
    make_tile_weight,
    split_into_tiles,
)


def scores(*values):
    return np.array(values, np.float32).reshape(1, -1, 1)


def test_tiles_cover_a_part_and_overlap_by_half():
    seen = np.zeros((40, 40), int)
    for tile in split_into_tiles(Rect(0.25, 0.25, 0.5, 0.5)):
        at = tile.scale(40, 40)
        seen[int(at.top) : int(at.top + at.height), int(at.left) : int(at.left + at.width)] += 1
    assert (seen > 0).sum() == 400 and (seen[10:30, 10:30] > 0).all()
    assert seen[20, 20] >= 4


def test_a_tile_counts_most_in_its_middle_and_everywhere():
    weight = make_tile_weight(16)
    assert weight.max() == weight[8, 8] and weight.min() > 0


def test_only_unsure_scores_are_drawn_towards_the_tiles():
    made = blend_tiles(scores(0, 0.5, 1), [(scores(1, 1, 0), scores(1, 1, 1))])
    assert made.ravel().tolist() == pytest.approx([0, 0.5 + MAX_TILE_WEIGHT * 0.5, 1])


def test_several_tiles_count_by_their_weight_and_none_changes_nothing():
    looks = [(scores(1, 0), scores(3, 0)), (scores(0, 0), scores(1, 0))]
    made = blend_tiles(scores(0.5, 0.5), looks)
    assert made.ravel().tolist() == pytest.approx([0.5 + MAX_TILE_WEIGHT * (0.75 - 0.5), 0.5])


class Gray:
    """Unsure of a box in the middle; counts its looks."""

    def __init__(self):
        self.looks = 0

    def segment(self, frame):
        self.looks += 1
        small = frame.bgr[:: frame.size[1] // 20, :: frame.size[0] // 20, 0]
        return Mask((small / np.float32(255))[..., None].astype(np.float32), ("person",))

    def close(self):
        pass


def test_tiles_are_looked_at_in_first_frames_only():
    def looks(detail):
        model = Gray()
        segmenter = RoiSegmenter(model, lambda _: model, tiling=detail)
        counts = []
        for index in range(3):
            picture = np.zeros((180, 320, 3), np.uint8)
            picture[60:120, 130:190] = 200
            pts = Fraction(index, 30)
            segmenter.segment(Frame.from_bgr(picture, index=index, pts=pts, captured_at=0.0))
            counts.append(model.looks)
        return np.array(counts)

    assert (looks(True) - looks(False)).tolist() == [TILES_PER_SIDE**2] * 3
