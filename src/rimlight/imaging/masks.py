"""Masks alone: softer edges, no specks, no holes."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.float32]


def feather(alpha: Alpha, sigma_px: float) -> Alpha:
    """Return float32 (h, w) with its edges softened by a Gaussian of `sigma_px` mask pixels."""
    return cast(Alpha, cv2.GaussianBlur(alpha, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE))


def without_specks(alpha: Alpha, min_share: float) -> Alpha:
    """Return float32 (h, w) without separate regions smaller than `min_share` of the mask.

    A region is what is joined where alpha is 0.5 or more; its soft rim goes with it.
    """
    solid = (alpha >= 0.5).astype(np.uint8)
    small = _small_regions(solid, min_share)
    if small is None:
        return alpha
    # What is left keeps its rim: only pixels nearer to a speck than to a kept region are cleared.
    kept = cv2.dilate(solid & ~small & 1, np.ones((5, 5), np.uint8))
    return np.where(kept.astype(bool) | _far_from(small), alpha, np.float32(0))


def without_holes(alpha: Alpha, max_share: float) -> Alpha:
    """Return float32 (h, w) with enclosed holes smaller than `max_share` of the mask filled."""
    return 1 - without_specks(1 - alpha, max_share)


def _small_regions(solid: NDArray[np.uint8], min_share: float) -> NDArray[np.uint8] | None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < min_share * solid.size
    small[0] = False
    if count == 1 or not small.any():
        return None
    return cast(NDArray[np.uint8], small[labels].astype(np.uint8))


def _far_from(regions: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return cast(NDArray[np.bool_], cv2.dilate(regions, np.ones((5, 5), np.uint8)) == 0)
