"""A BGR picture over another through a mask of their own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_BAND = 256
"""Rows that are mixed together: bounds the memory for a mask that is soft everywhere."""

_STRIP = 1 << 16  # bytes: what lies between the steps stays in the cache, and costs no page faults


def composite_bgr(front: Image, back: Image, alpha: Image, dst: Image | None = None) -> Image:
    """Show `front` where `alpha` is 255 and `back` where it is 0.

    Args:
        front: uint8 (h, w, 3), BGR.
        back: the same shape.
        alpha: uint8 (h, w), at the pictures' own size.
        dst: takes the result; C-contiguous, the same shape as `front`, and neither of the two.

    Returns:
        `dst`, or a new uint8 (h, w, 3).
    """
    out = np.empty(front.shape, np.uint8) if dst is None else dst
    np.copyto(out, back)
    cv2.copyTo(front, alpha, out)
    for top in range(0, alpha.shape[0], _BAND):
        rows = slice(top, top + _BAND)
        _mix(front[rows], back[rows], alpha[rows], out[rows])
    return out


def _mix(front: Image, back: Image, alpha: Image, out: Image) -> None:
    """Mix the pixels that are neither; they are so few that it pays to gather them."""
    between = np.asarray(cv2.inRange(alpha, 1, 254), np.uint8)
    at = np.flatnonzero(between.view(np.bool_))
    if not at.size:
        return
    ours, theirs = (picture.reshape(-1, 3).take(at, axis=0) for picture in (front, back))
    share = alpha.reshape(-1, 1).take(at, axis=0) * np.float32(1 / 255)
    mixed = theirs + share * (ours.astype(np.float32) - theirs)
    out.reshape(-1, 3)[at] = np.rint(mixed)


def blend(front: Image, back: Image, alpha: Image, *, dst: Image) -> Image:
    """Return `front` where `alpha` is 255, `back` where it is 0, and a mix between.

    Exact at both ends and where both pictures are equal; at most one level off elsewhere.

    Args:
        front: uint8 (h, w) or (h, w, channels).
        back: the same shape.
        alpha: the same shape.
        dst: takes the result; the same shape, and none of the others.

    Returns:
        `dst`.
    """
    step = max(1, _STRIP // max(1, front[0].size))
    for top in range(0, front.shape[0], step):
        rows = slice(top, top + step)
        rest = cv2.multiply(back[rows], cv2.bitwise_not(alpha[rows]), scale=1 / 255)
        out = dst[rows]
        cv2.multiply(front[rows], alpha[rows], dst=out, scale=1 / 255)
        cv2.add(out, rest, dst=out)
    return dst
