"""Where the pixels of one picture lie on another of a different size, for compiled loops."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = tuple[NDArray[Any], ...]
"""(left, weight, upper, lower, weight): the left neighbor of each column, and the weight of the
one behind it in 256ths; both neighbors of each row, and the weight of the lower one."""


@lru_cache(maxsize=64)
def grid(size: tuple[int, int], on: tuple[int, int]) -> Grid:
    """Return where the pixels of a picture of `size` (width, height) lie on one of the size `on`.

    Their values are mixed as OpenCV's INTER_LINEAR_EXACT does.
    """
    left, _, weight = _axis(size[0], on[0])
    return left, weight, *_axis(size[1], on[1])


def _axis(count: int, on: int) -> Grid:
    at = 1 / (count / on) * (np.arange(count) + 0.5) - 0.5  # to the last bit as OpenCV does
    left = np.clip(np.floor(at), 0, max(on - 2, 0)).astype(np.int64)
    right = np.minimum(left + 1, on - 1)
    weight = np.rint(np.clip(at - left, 0, 1) * (right > left) * 256)
    # Unsigned, because numba makes sure of every signed index that it is not negative.
    return left.astype(np.uint32), right.astype(np.uint32), weight.astype(np.float32)
