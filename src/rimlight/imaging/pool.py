"""Image buffers that are reused: a page fault costs more than the arithmetic in it.

An array is lent through NumPy's array interface (`__array_struct__`): the object that exports the
memory stays alive for as long as the array or any view of it, and returns the memory when it is
collected. Nothing depends on how many references there are, or on which thread drops the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Slot:
    """One buffer of a pool.

    Attributes:
        memory: the array that owns the memory.
        content: what the pool's user remembers of the memory's contents; None in a new slot.
    """

    __slots__ = ("content", "export", "memory")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.memory: NDArray[Any] = np.empty(shape, dtype)
        self.export = self.memory.__array_struct__
        self.content: Any = None


class _Lease:
    """Exports a slot's memory to one array, and returns the slot with that array's last view."""

    __slots__ = ("__array_struct__", "_free", "_limit", "_slot")

    def __init__(self, slot: Slot, free: list[Slot], limit: int) -> None:
        self.__array_struct__ = slot.export
        self._slot, self._free, self._limit = slot, free, limit

    def __del__(self) -> None:
        if len(self._free) < self._limit:
            self._free.append(self._slot)


class ArrayPool:
    """Lends arrays, and reuses them once no reference or view of them is left.

    One thread acquires; the arrays may travel to others.

    Args:
        limit: free buffers that are kept.
    """

    def __init__(self, limit: int = 16) -> None:
        self._free: list[Slot] = []
        self._limit = limit

    def acquire(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        """Return a C-contiguous array of `shape`, its contents undefined."""
        return self.acquire_slot(shape, dtype)[1]

    def acquire_slot(
        self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8
    ) -> tuple[Slot, NDArray[Any]]:
        """Return an array as `acquire` does, and the slot that it was lent from."""
        slot = self._take_free(shape, np.dtype(dtype))
        return slot, np.asarray(_Lease(slot, self._free, self._limit))

    def _take_free(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Slot:
        free = self._free
        for index in range(len(free) - 1, -1, -1):  # the last one returned is the warmest
            memory = free[index].memory
            if memory.shape == shape and memory.dtype == dtype:
                return free.pop(index)
        if len(free) >= self._limit:
            del free[0]
        return Slot(shape, dtype)
