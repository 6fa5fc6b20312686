"""The only hand-over between threads: bounded, and it carries the end and the error too."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")

_SIGNAL_S = 0.5
"""How late Ctrl-C may be heard by a main thread that waits for an item."""


class Overflow(StrEnum):
    """What a full queue does with the next item."""

    DROP_OLDEST = "drop-oldest"
    """Drop the oldest. For live sources: latency stays bounded, frames are lost and counted."""

    BLOCK = "block"
    """Block the producer. For files: every frame is kept, the source slows down."""


class FrameQueue(Generic[Item]):
    """Carries items, then the end of the stream or the producer's error, in that order.

    Any thread may call any method. After `close()` both sides wake up: `put` returns False,
    iteration yields what is left, then raises the producer's error or stops.

    Args:
        capacity: items held at most.
        overflow: what happens when it is full.
        max_bytes: a bound on the sum of `size_of`; one item is always let in.
        size_of: the bytes that an item holds.
    """

    def __init__(
        self,
        capacity: int,
        overflow: Overflow,
        *,
        max_bytes: int | None = None,
        size_of: Callable[[Item], int] = lambda _: 0,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"queue capacity must be at least 1, got {capacity}")
        self._capacity = capacity
        self._overflow = overflow
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self.dropped = 0
        """Items that were pushed out by newer ones, or left behind by `discard`."""

    def put(self, item: Item) -> bool:
        """Add `item`; False means that the queue is closed and the producer should stop."""
        size = self._size_of(item)
        with self._changed:
            if self._overflow is Overflow.BLOCK:
                self._changed.wait_for(lambda: self._closed or self._has_room(size))
            if self._closed:
                return False
            while not self._has_room(size):
                self._pop()
                self.dropped += 1
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()
            return True

    def close(self, error: BaseException | None = None) -> None:
        """End the stream; the first call decides. The consumer will see `error`, if given."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            self._changed.notify_all()

    def discard(self) -> None:
        """End the stream and forget what is left: the consumer is going away."""
        with self._changed:
            self.dropped += len(self._items)
            self._items.clear()
            self._bytes = 0
        self.close()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds; say whether an item can be had at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            return bool(self._items)

    @property
    def has_ended(self) -> bool:
        """Closed and empty: iteration would end, or raise the producer's error, at once."""
        with self._changed:
            return self._closed and not self._items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                while not self._changed.wait_for(lambda: self._items or self._closed, _SIGNAL_S):
                    pass  # Python acts on a signal between two waits, and not always within one
                if not self._items:
                    break
                item = self._pop()
                self._changed.notify_all()
            yield item
            del item  # a frame that waits for the next one here would stay in memory
        if self._error is not None:
            raise self._error

    def _pop(self) -> Item:
        item = self._items.popleft()
        self._bytes -= self._size_of(item)
        return item

    def _has_room(self, size: int) -> bool:
        if not self._items:
            return True
        fits = self._max_bytes is None or self._bytes + size <= self._max_bytes
        return len(self._items) < self._capacity and fits
