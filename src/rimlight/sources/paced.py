"""Plays a file as a live source: yields each frame at its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rimlight.core.frame import Frame

if TYPE_CHECKING:
    from rimlight.core.protocols import Source

_LATE_S = 1.0
"""A run that is later than this, for example after a suspend, does not catch up."""


class PacedSource:
    """Yields the frames of `source` in real time.

    Args:
        source: an open file, which is closed with this source.
        clock: monotonic seconds.
        wait: waits for some seconds; returns True to end the iteration.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self.info = replace(source.info, is_live=True)

    def __iter__(self) -> Iterator[Frame]:
        """Yield each frame when it is due, until the file ends or `close` is called.

        Raises:
            SourceReadError: the file broke off; the frames before it were yielded.
        """
        start_s: float | None = None
        for frame in self._source:
            now = self._clock()
            due = now if start_s is None else start_s + float(frame.pts)
            if start_s is None or now - due > _LATE_S:
                start_s = now - float(frame.pts)
            elif self._wait(max(0.0, due - now)):
                return
            yield replace(frame, captured_at=self._clock())

    def stop_waiting(self) -> None:
        """End the iteration while it waits for the time of a frame. Any thread may call this."""
        self._stopped.set()

    def close(self) -> None:
        """Close the file."""
        self._stopped.set()
        self._source.close()
