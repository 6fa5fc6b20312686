"""A file as a live source: its frames come when they are due, as a camera's do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rimlight.core.frame import Frame

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Source

_LATE_S = 1.0
"""A run that is further behind, for example after the machine was asleep, does not catch up."""


class PacedSource:
    """Yields the frames of `source` by their own times.

    Args:
        source: an open file; this one closes it.
        clock: monotonic seconds.
        wait: waits for some seconds; returns True if nobody wants more.
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
        """Yield each frame when it is due, until the file ends or nobody wants more.

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
        """End the iteration while it waits for the time of a frame. Any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Close the file."""
        self._stopped.set()
        self._source.close()
