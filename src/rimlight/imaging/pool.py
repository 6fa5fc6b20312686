"""Picture buffers that are used again: a page fault costs more than the arithmetic in it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# A pooled array that nobody else holds is seen by: the list, the loop variable and the call.
_ONLY_OURS = 3


class ArrayPool:
    """Hands out arrays and takes them back by itself, once nobody refers to them any more.

    A view of an array keeps the array in use. One pool belongs to one thread; the arrays it
    hands out may travel to others.
    """

    def __init__(self, limit: int = 16) -> None:
        self._arrays: list[NDArray[Any]] = []
        self._limit = limit

    def take(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        """Return a C-contiguous array of `shape`, its contents undefined."""
        wanted = np.dtype(dtype)
        for array in self._arrays:
            fits = array.shape == shape and array.dtype == wanted
            if fits and sys.getrefcount(array) == _ONLY_OURS:
                return array
        fresh = np.empty(shape, wanted)
        if len(self._arrays) >= self._limit:
            self._arrays.pop(0)
        self._arrays.append(fresh)
        return fresh
