import numpy as np
import pytest

from rimlight.imaging.masks import (
    compute_label_shares,
    feather,
    fill_holes,
    remove_small_regions,
    upscale_labels,
)


def scene(*boxes, shape=(60, 80), level=1.0):
    """0, with boxes (top, left, height, width) of `level`."""
    alpha = np.zeros(shape, np.float32)
    for top, left, height, width in boxes:
        alpha[top : top + height, left : left + width] = level
    return alpha


BIG = (20, 20, 30, 40)


def test_a_speck_goes_and_the_large_region_stays():
    made = remove_small_regions(scene(BIG, (2, 2, 3, 3)), 0.01)
    assert (made == scene(BIG)).all()


def test_an_empty_scene_with_a_speck_becomes_empty():
    assert not remove_small_regions(scene((2, 2, 3, 3)), 0.01).any()


def test_the_soft_rim_of_a_speck_goes_with_it():
    alpha = np.maximum(scene(BIG), scene((3, 3, 5, 5), level=0.3))
    alpha[4:7, 4:7] = 1
    assert (remove_small_regions(alpha, 0.01) == scene(BIG)).all()


def test_the_soft_rim_of_the_large_region_stays_beside_a_speck():
    alpha = np.maximum(scene((18, 18, 34, 44), level=0.3), scene(BIG))
    with_speck = np.maximum(alpha, scene((14, 30, 2, 2)))
    assert (remove_small_regions(with_speck, 0.01) == alpha).all()


def test_a_region_of_just_the_least_share_stays():
    alpha = scene((0, 0, 6, 8))
    assert (remove_small_regions(alpha, 48 / 4800) == alpha).all()
    assert not remove_small_regions(alpha, 48.5 / 4800).any()


def test_a_hole_is_filled_with_its_soft_rim():
    alpha = scene(BIG)
    alpha[30:35, 30:35] = 0.7
    alpha[31:34, 31:34] = 0
    assert (fill_holes(alpha, 0.01) == scene(BIG)).all()


def test_a_large_hole_stays():
    alpha = scene(BIG)
    alpha[25:45, 25:55] = 0
    assert (fill_holes(alpha, 0.01) == alpha).all()


def test_a_gap_at_the_border_is_no_hole():
    alpha = np.ones((60, 80), np.float32)
    alpha[0:3, 0:3] = 0
    assert (fill_holes(alpha, 0.01) == alpha).all()


@pytest.mark.parametrize("clean", [remove_small_regions, fill_holes])
@pytest.mark.parametrize("level", [0, 1])
def test_all_and_nothing_stay(clean, level):
    alpha = np.full((60, 80), level, np.float32)
    assert (clean(alpha, 1.0 if level else 0.01) == alpha).all()


def test_feather_softens_a_step_evenly_and_keeps_what_is_far():
    alpha = scene((0, 40, 60, 40))
    row = feather(alpha, 2.0)[30]
    assert np.allclose(row[38:42] + row[41:37:-1], 1, atol=1e-5)
    assert (np.diff(row[34:46]) > 0).all() and row[30] < 1e-3 and row[50] > 0.999


def layers(labels):
    return [(int(n), np.where(labels == n, np.uint8(255), np.uint8(0))) for n in np.unique(labels)]


def test_labels_at_their_own_size_stay():
    labels = np.random.default_rng(0).integers(0, 5, (20, 30)).astype(np.uint8)
    assert (upscale_labels(layers(labels), (30, 20)) == labels).all()


def test_enlarged_labels_are_smooth_lines_and_no_stairs():
    y, x = np.mgrid[:32, :32]
    slanted = (x > y).astype(np.uint8)
    starts = upscale_labels(layers(slanted), (256, 256))[:200].argmax(axis=1)
    stairs = np.kron(slanted, np.ones((8, 8)))[:200].argmax(axis=1)
    assert np.abs(starts - stairs).max() <= 8
    assert np.diff(starts).max() <= 3 < np.diff(stairs).max()


def test_the_stronger_score_wins_between_two_classes():
    scores = [(3, np.full((2, 2), 100, np.uint8)), (7, np.full((2, 2), 101, np.uint8))]
    assert (upscale_labels(scores, (9, 9)) == 7).all()
    assert (upscale_labels(scores[:1], (9, 9)) == 3).all()


def test_shares_of_labels_are_those_of_the_pixels_that_count():
    labels = np.array([[0, 0, 1, 3], [0, 2, 1, 3]], np.uint8)
    left = np.array([[1, 1, 0, 0], [1, 1, 0, 0]], np.uint8)
    assert compute_label_shares(labels, 3).tolist() == [3 / 8, 2 / 8, 1 / 8]
    assert compute_label_shares(labels, 3, left).tolist() == [3 / 4, 0, 1 / 4]
    assert compute_label_shares(labels, 3, np.zeros_like(left)).tolist() == [0, 0, 0]
