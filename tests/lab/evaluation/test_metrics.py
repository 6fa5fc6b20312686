"""Every figure against a case counted by hand, and against an implementation of someone else."""

import math

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score, mean_absolute_error

from rimlight.lab.evaluation import metrics


def square(left, top, side, shape=(40, 60)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def blob(seed, shape=(120, 160)):
    """A ragged random shape."""
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 6) > 0.02


def test_iou_of_two_overlapping_squares():
    # 10x10 each, moved by (4, 5): they share 6x5 pixels, the union has 200 - 30.
    assert metrics.compute_iou(square(5, 5, 10), square(9, 10, 10)) == 30 / 170


def test_iou_of_two_empty_masks_is_one():
    empty = np.zeros((4, 4), bool)
    assert metrics.compute_iou(empty, empty) == 1
    assert metrics.compute_iou(empty, ~empty) == 0


@pytest.mark.parametrize("seed", range(3))
def test_iou_agrees_with_scikit_learn(seed):
    mask, truth = blob(seed), blob(seed + 10)
    assert metrics.compute_iou(mask, truth) == pytest.approx(
        jaccard_score(truth.ravel(), mask.ravel())
    )


def test_contour_of_a_square_is_its_rim():
    rim = metrics.extract_contour(square(5, 5, 10))
    assert np.count_nonzero(rim) == 4 * 9
    assert not rim[6:14, 6:14].any()


def test_contour_leaves_out_where_the_picture_ends():
    half = np.zeros((10, 10), bool)
    half[:, :5] = True
    rim = metrics.extract_contour(half)
    assert rim[:, 4].all() and np.count_nonzero(rim) == 10


def test_boundary_f_of_a_shifted_line_by_hand():
    # Two half planes whose borders are 3 px apart. The diagonal is 50 px: 0.07 of it is 3.5 px,
    # 0.05 only 2.5 px.
    near, far = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    near[:, :20], far[:, :23] = True, True
    assert metrics.compute_boundary_f(near, far, tolerance=0.07) == 1
    assert metrics.compute_boundary_f(near, far, tolerance=0.05) == 0


def test_boundary_f_is_the_harmonic_mean_of_precision_and_recall():
    # The mask has the true square and one more of the same size far away: precision is a half.
    truth = square(5, 5, 10)
    assert metrics.compute_boundary_f(truth | square(40, 20, 10), truth) == pytest.approx(2 / 3)


def test_boundary_f_without_contours():
    empty, truth = np.zeros((40, 60), bool), square(5, 5, 10)
    assert metrics.compute_boundary_f(empty, empty) == 1
    assert metrics.compute_boundary_f(empty, truth) == metrics.compute_boundary_f(truth, empty) == 0


@pytest.mark.parametrize("seed", range(3))
def test_boundary_f_agrees_with_scipy_and_scikit_learn(seed):
    mask, truth = blob(seed), blob(seed + 1)
    around = np.ones((3, 3), bool)
    rims = [m & ~ndimage.binary_erosion(m, around, border_value=1) for m in (mask, truth)]
    reach_px = 0.0075 * 200  # the diagonal of 160 x 120
    near = [ndimage.distance_transform_edt(~rim) <= reach_px for rim in rims]
    # With every contour pixel as a sample: hit or not, on the truth's side and on the mask's.
    precision, recall = near[1][rims[0]].mean(), near[0][rims[1]].mean()
    expected = 2 * precision * recall / (precision + recall)
    assert metrics.compute_boundary_f(mask, truth) == pytest.approx(expected, abs=1e-9)


def test_boundary_f_without_tolerance_is_the_f1_score_of_the_contours():
    mask, truth = blob(4), blob(4) | square(30, 40, 30, (120, 160))
    rims = [metrics.extract_contour(m).ravel() for m in (mask, truth)]
    assert metrics.compute_boundary_f(mask, truth, tolerance=0) == pytest.approx(
        f1_score(*rims[::-1])
    )


def test_alpha_error_by_hand_and_with_scikit_learn():
    alpha = np.array([[0, 0.5], [1, 0.25]], np.float32)
    truth = np.array([[0, 1], [0.5, 0.25]], np.float32)
    assert metrics.compute_alpha_error(alpha, truth) == 0.25
    assert metrics.compute_alpha_error(alpha, truth) == mean_absolute_error(truth, alpha)


def test_fill_share_counts_mask_pixels():
    assert metrics.compute_fill_share(square(0, 0, 12)) == 144 / 2400


def test_confusion_by_hand():
    truth = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    given = np.array([[0, 1, 1], [255, 2, 0]], np.uint8)
    counts = metrics.count_confusion(given, truth, classes=3)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert metrics.compute_class_ious(counts).tolist() == [1 / 2, 1 / 3, 1]
    assert metrics.compute_mean_iou(counts) == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    assert metrics.compute_pixel_accuracy(counts) == 3 / 5


@pytest.fixture
def labeled():
    """Labels of five classes, the truth void in places and without class 4."""
    random = np.random.default_rng(7)
    truth = random.integers(0, 4, (50, 70)).astype(np.uint8)
    given = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, 5, truth.shape))
    truth[:5] = 255
    return given.astype(np.uint8), truth, truth != 255


def test_confusion_agrees_with_scikit_learn(labeled):
    given, truth, known = labeled
    counts = metrics.count_confusion(given, truth, classes=5)
    theirs = confusion_matrix(truth[known], given[known], labels=range(5))
    assert (counts[:, :5] == theirs).all() and not counts[:, 5].any()


def test_class_ious_agree_with_scikit_learn(labeled):
    given, truth, known = labeled
    counts = metrics.count_confusion(given, truth, classes=5)
    theirs = jaccard_score(truth[known], given[known], labels=range(5), average=None)
    assert metrics.compute_class_ious(counts) == pytest.approx(theirs)


def test_mean_iou_leaves_out_classes_that_the_truth_does_not_hold(labeled):
    given, truth, _ = labeled
    counts = metrics.count_confusion(given, truth, classes=5)
    assert metrics.compute_mean_iou(counts) == pytest.approx(
        metrics.compute_class_ious(counts)[:4].mean()
    )


def test_figures_among_some_classes_look_at_those_only():
    counts = np.array([[8, 2, 0], [0, 0, 10]])
    among = np.array([True, False])
    assert metrics.compute_mean_iou(counts, among) == 0.8
    assert metrics.compute_pixel_accuracy(counts, among) == 0.8
    assert metrics.compute_pixel_accuracy(counts) == 0.4


def test_figures_of_nothing_are_nan():
    counts = np.zeros((3, 4), np.int64)
    assert math.isnan(metrics.compute_mean_iou(counts)) and math.isnan(
        metrics.compute_pixel_accuracy(counts)
    )
    assert np.isnan(metrics.compute_class_ious(counts)).all()


@pytest.mark.parametrize(
    "measure", [metrics.compute_iou, metrics.compute_boundary_f, metrics.compute_alpha_error]
)
def test_masks_of_another_shape_are_refused(measure):
    with pytest.raises(ValueError, match=r"one shape, got \(2, 3\), \(3, 2\)"):
        measure(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
