import numpy as np
import pytest
from fakes import make_frame
from scenes import make

from rimlight.core.frame import Mask
from rimlight.refiners.spatial import CleanRefiner, FeatherRefiner

FRAME = make_frame()


def scene():
    """A large square with a pinhole in it, and a speck beside it."""
    scores = np.zeros((100, 100, 1), np.float32)
    scores[20:80, 20:80] = 1
    clean = scores.copy()
    scores[50:52, 50:52] = 0
    scores[5:8, 5:8] = 1
    return Mask(scores, ("person",)), clean


def test_clean_drops_the_speck_and_fills_the_hole():
    mask, clean = scene()
    assert (make(CleanRefiner).refine(mask, FRAME).scores == clean).all()


def test_clean_leaves_what_is_not_smaller_than_said():
    mask, _ = scene()
    assert (
        make(CleanRefiner, min_region=0, max_hole=0).refine(mask, FRAME).scores == mask.scores
    ).all()
    kept = make(CleanRefiner, min_region=0.0005, max_hole=0.0001).refine(mask, FRAME)
    assert (kept.scores == mask.scores).all()


def test_clean_leaves_an_empty_scene_empty():
    scores = np.zeros((100, 100, 1), np.float32)
    scores[40:43, 40:43] = 0.9
    assert not make(CleanRefiner).refine(Mask(scores, ("person",)), FRAME).scores.any()


def test_clean_lets_masks_of_several_classes_pass():
    mask = Mask(np.zeros((9, 9, 2), np.float32), ("person", "dog"))
    assert make(CleanRefiner).refine(mask, FRAME) is mask


def test_feather_softens_the_edge_by_its_sigma():
    mask, clean = scene()
    mask = mask.with_scores(clean)
    row = make(FeatherRefiner, sigma_px=2).refine(mask, FRAME).scores[50, :, 0]
    width = np.interp([0.16, 0.84], row[:50], np.arange(50))
    assert abs(np.ptp(width) / 2 - 2) < 0.2
    assert abs(row[50] - 1) < 1e-5 and row[5] == 0


def test_feather_softens_every_class():
    scores = np.zeros((9, 9, 21), np.float32)
    scores[4, 4] = 1
    made = make(FeatherRefiner).refine(Mask(scores, tuple(map(str, range(21)))), FRAME).scores
    assert (made[4, 3] > 0).all() and (made[4, 4] < 1).all()


def test_clean_leaves_a_gap_at_the_border_open():
    scores = np.ones((100, 100, 1), np.float32)
    scores[0:3, 40:43] = 0
    assert (make(CleanRefiner).refine(Mask(scores, ("person",)), FRAME).scores == scores).all()


@pytest.mark.parametrize("cls", [CleanRefiner, FeatherRefiner])
def test_label_masks_pass_unchanged(cls):
    mask = Mask.from_labels(np.zeros((9, 9), np.uint8), ("road", "car"))
    assert make(cls).refine(mask, FRAME) is mask
