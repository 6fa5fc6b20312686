"""One picture over another, in integers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_STRIP = 1 << 16  # bytes: what lies between the steps stays in the cache, and costs no page faults


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
