"""Masks alone: softer edges, no specks, no holes, labels made larger."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.float32]
Image = NDArray[np.uint8]

_RIM = np.ones((5, 5), np.uint8)
"""Two mask pixels around a region: its soft edge."""


@lru_cache(maxsize=1)
def compute_squared_entropy() -> Alpha:
    """Return E(p)^2 for each of 256 levels of p, float32; E is the binary entropy in bits."""
    p = np.arange(1, 255) / 255
    entropy = np.zeros(256)  # none at both ends
    entropy[1:255] = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return cast(Alpha, (entropy**2).astype(np.float32))


def compute_label_shares(
    labels: NDArray[np.uint8], count: int, within: NDArray[np.uint8] | None = None
) -> NDArray[np.float64]:
    """Return the share of each of the first `count` labels, float64 (count,), in [0, 1].

    Args:
        labels: uint8 (h, w).
        count: of labels; higher ones share in the whole, too.
        within: uint8 (h, w), not 0 where pixels count; None for everywhere. Nowhere gives zeros.
    """
    # np.bincount would make 64-bit integers of all pixels first.
    pixels = cv2.calcHist([labels], [0], within, [256], [0, 256]).reshape(-1).astype(np.float64)
    return cast(NDArray[np.float64], pixels[:count] / max(pixels.sum(), 1))


def compute_mean_entropy(scores: Alpha, *, stride: int = 4) -> float:
    """Return the mean entropy of a pixel's classes, 0 (sure) to 1 (all classes alike).

    Shannon's entropy in units of log(classes); of one class, that of the class and its contrary.

    Args:
        scores: float32 (h, w, classes) in [0, 1].
        stride: every Nth row and column counts; a mean needs no more.
    """
    some = scores[::stride, ::stride]
    if some.shape[2] == 1:
        some = np.concatenate([some, 1 - some], axis=2)
    sure = np.clip(some, 1e-7, 1)
    return float(-(sure * np.log(sure)).sum(axis=2).mean() / np.log(sure.shape[2]))


def feather(alpha: Alpha, sigma_px: float) -> Alpha:
    """Return float32 (h, w) or (h, w, channels), softened by a Gaussian of `sigma_px` pixels."""
    return cast(Alpha, cv2.GaussianBlur(alpha, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE))


def remove_small_regions(alpha: Alpha, min_region: float) -> Alpha:
    """Return float32 (h, w) without separate regions smaller than `min_share` of the mask.

    A region is what is joined where alpha is 0.5 or more; its soft rim goes with it.
    """
    specks = _find_small_regions(alpha >= 0.5, min_region, connectivity=8)
    return alpha if specks is None else np.where(specks, np.float32(0), alpha)


def fill_holes(alpha: Alpha, max_hole: float) -> Alpha:
    """Return float32 (h, w) with enclosed holes smaller than `max_hole` of the mask filled.

    What touches the mask's border is open to the outside, and stays.
    """
    holes = _find_small_regions(alpha < 0.5, max_hole, connectivity=4, enclosed=True)
    return alpha if holes is None else np.where(holes, np.float32(1), alpha)


def upscale_labels(layers: Sequence[tuple[int, Image]], size: tuple[int, int]) -> Image:
    """Return which of some classes is the strongest at each pixel of a larger picture.

    The scores are made larger, not the labels: borders come out smooth, not as stairs.

    Args:
        layers: (label, uint8 scores (h, w)), labels rising; the first wins a draw.
        size: (width, height) of the result.

    Returns:
        uint8 (height, width) of labels.
    """
    first, scores = layers[0]
    best = cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR)
    winner = np.full((size[1], size[0]), first, np.uint8)
    for label, scores in layers[1:]:
        large = cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR)
        better = cv2.compare(large, best, cv2.CMP_GT)
        # Labels rise, so the larger one of two winners is the later one.
        cv2.max(winner, cv2.bitwise_and(better, np.full_like(better, label)), dst=winner)
        cv2.max(large, best, dst=best)
    return winner


def _find_small_regions(
    solid: NDArray[np.bool_], min_share: float, *, connectivity: int, enclosed: bool = False
) -> NDArray[np.bool_] | None:
    """Return where regions below `min_share` lie, with their rims; None if there are none.

    A rim that is also that of a large region belongs to the large one.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        solid.astype(np.uint8), connectivity=connectivity
    )
    small = stats[:, cv2.CC_STAT_AREA] < min_share * solid.size
    small[0] = False
    if enclosed:
        small &= _is_enclosed(np.asarray(stats, np.int32), solid.shape)
    if count == 1 or not small.any():
        return None
    regions = small[labels]
    around = cv2.dilate(regions.astype(np.uint8), _RIM)
    kept = cv2.dilate((solid & ~regions).astype(np.uint8), _RIM)
    return cast(NDArray[np.bool_], regions | (around > kept))


def _is_enclosed(stats: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which regions do not touch the border."""
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    return (left > 0) & (top > 0) & (right < shape[1]) & (bottom < shape[0])
