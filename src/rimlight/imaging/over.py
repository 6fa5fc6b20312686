"""A BGR picture over another through a mask of their own size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_TILE = 64
"""Pixels a side of the squares that are looked at together: most are all front or all back."""


def composite_bgr(front: Image, back: Image, alpha: Image, dst: Image | None = None) -> Image:
    """Show `front` where `alpha` is 255 and `back` where it is 0.

    Args:
        front: uint8 (h, w, 3), BGR.
        back: the same shape.
        alpha: uint8 (h, w), at the pictures' own size.
        dst: takes the result; the same shape as `front`, and neither of the two.

    Returns:
        `dst`, or a new uint8 (h, w, 3).
    """
    out = np.empty_like(front) if dst is None else dst
    np.copyto(out, back)
    cv2.copyTo(front, alpha, out)
    for part in _mixed_parts(alpha):
        weight = alpha[part] * np.float32(1 / 255)
        cv2.blendLinear(front[part], back[part], weight, 1 - weight, dst=out[part])
    return out


def _mixed_parts(alpha: Image) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of parts that are neither all 0 nor all 255."""
    across = np.arange(0, alpha.shape[1], _TILE)
    mixed = alpha + np.uint8(1)  # 255 becomes 0, so what is mixed is all above 1
    for top in range(0, alpha.shape[0], _TILE):
        rows = slice(top, top + _TILE)
        row = np.maximum.reduceat(mixed[rows].max(axis=0), across) > 1
        bounds = np.flatnonzero(np.diff(row, prepend=False, append=False)) * _TILE
        for left, right in bounds.reshape(-1, 2).tolist():
            yield rows, slice(left, right)
