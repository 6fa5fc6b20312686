"""How well a mask agrees with the truth on one picture. Pure functions on arrays.

Every figure is defined, with its source, in docs/benchmarks/evaluation.md.
"""

from __future__ import annotations

import math
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Binary = NDArray[np.bool_]
Alpha = NDArray[np.float32]
Counts = NDArray[np.int64]

BOUNDARY_TOLERANCE = 0.0075
"""How far a contour may be off and still count as found, as a share of the diagonal."""

FILLED = 0.001
"""An empty scene counts as filled when more than this share of the picture is mask."""


def compute_iou(mask: Binary, truth: Binary) -> float:
    """Return the IoU (Jaccard 1912) of two bool (h, w); 1.0 where both are empty.

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(mask, truth)
    union = np.count_nonzero(mask | truth)
    return float(np.count_nonzero(mask & truth) / union) if union else 1.0


def compute_boundary_f(
    mask: Binary, truth: Binary, *, tolerance: float = BOUNDARY_TOLERANCE
) -> float:
    """Return the F measure of the contour pixels in [0, 1].

    Precision is the share of the mask's contour that lies within the tolerance of the truth's
    contour, recall the other way round (Martin, Fowlkes, Malik 2004; for masks: Perazzi et al.,
    DAVIS, CVPR 2016). Distances are exact Euclidean, so a pixel may serve several others.

    Args:
        mask: bool (h, w).
        truth: bool (h, w).
        tolerance: share of the picture's diagonal.

    Returns:
        1.0 where neither has a contour, 0.0 where only one has.

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(mask, truth)
    found, wanted = extract_contour(mask), extract_contour(truth)
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    reach_px = tolerance * math.hypot(*mask.shape)
    precision = _measure_share_within(found, wanted, reach_px)
    recall = _measure_share_within(wanted, found, reach_px)
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def extract_contour(mask: Binary) -> Binary:
    """Return the pixels of bool (h, w) `mask` with one of their 8 neighbors outside of it.

    The edge of the picture is no contour: what a frame cuts off was not drawn by the model.
    """
    solid = mask.astype(np.uint8)
    inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
    return cast(Binary, mask & (inner == 0))


def compute_alpha_error(alpha: Alpha, truth: Alpha) -> float:
    """Return the mean absolute difference of two float32 (h, w) in [0, 1].

    The matting literature calls it MAD (Rhemann et al., CVPR 2009, who use SAD, its sum).

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(alpha, truth)
    return float(np.mean(np.abs(alpha - truth), dtype=np.float64))


def compute_fill_share(mask: Binary) -> float:
    """Return which share of the picture bool (h, w) `mask` covers, in [0, 1]."""
    return float(np.count_nonzero(mask) / mask.size)


def count_confusion(labels: NDArray[np.uint8], truth: NDArray[np.uint8], *, classes: int) -> Counts:
    """Count the pixels of each (true class, given class).

    Args:
        labels: uint8 (h, w), what was given; values from `classes` up mean "none of them".
        truth: uint8 (h, w); pixels with values from `classes` up are void and not counted.
        classes: how many classes there are.

    Returns:
        int64 (classes, classes + 1): row = truth, column = given, the last column "none of them".

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(labels, truth)
    known = truth < classes
    given = np.minimum(labels[known].astype(np.int64), classes)
    pairs = truth[known].astype(np.int64) * (classes + 1) + given
    counts = np.bincount(pairs, minlength=classes * (classes + 1))
    return cast(Counts, counts.reshape(classes, classes + 1))


def compute_class_ious(counts: Counts) -> NDArray[np.float64]:
    """Return the IoU of each class from a `count_confusion` matrix.

    Summed over all pixels of all pictures, as PASCAL VOC defines it (Everingham et al. 2015).

    Returns:
        float64 (classes,), NaN for a class that neither the truth nor the labels hold.
    """
    size = counts.shape[0]
    hits = np.diagonal(counts)
    union = counts.sum(axis=1) + counts[:, :size].sum(axis=0) - hits
    shares = np.full(size, np.nan)
    np.divide(hits, union, out=shares, where=union > 0)
    return shares


def compute_mean_iou(counts: Counts, among: Binary | None = None) -> float:
    """Return the mean IoU over the classes that the truth holds; NaN without any.

    Args:
        counts: a `count_confusion` matrix.
        among: bool (classes,): the classes to look at, such as those that the model knows.
    """
    present = counts.sum(axis=1) > 0
    shares = compute_class_ious(counts)[present if among is None else present & among]
    return float(shares.mean()) if shares.size else math.nan


def compute_pixel_accuracy(counts: Counts, among: Binary | None = None) -> float:
    """Return the share of the counted pixels whose class is right; NaN without pixels.

    Args:
        counts: a `count_confusion` matrix.
        among: bool (classes,): only pixels that truly are of these classes.
    """
    rows = np.ones(counts.shape[0], bool) if among is None else among
    total = counts[rows].sum()
    return float(np.diagonal(counts)[rows].sum() / total) if total else math.nan


def _measure_share_within(points: Binary, others: Binary, reach_px: float) -> float:
    """Return the share of `points` that have one of `others` within `reach_px`."""
    far = (~others).astype(np.uint8)
    distance_px = cv2.distanceTransform(far, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(np.mean(distance_px[points] <= reach_px))


def _check_shapes(given: NDArray[Any], truth: NDArray[Any]) -> None:
    if given.shape != truth.shape:
        raise ValueError(f"mask and truth must have one shape, got {given.shape}, {truth.shape}")
