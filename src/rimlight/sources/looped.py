"""Plays a file or a folder of images again from its start, without end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from rimlight.core.errors import SourceReadError
from rimlight.core.frame import Frame

if TYPE_CHECKING:
    from rimlight.core.protocols import Source

log = logging.getLogger(__name__)

DEFAULT_DURATION = Fraction(1)
"""Seconds that a single image is shown."""


def compute_duration(frame: Frame, previous: Frame | None, rate: Fraction | None) -> Fraction:
    """Return how long the last frame of a source is shown, in seconds.

    Args:
        frame: the last frame.
        previous: the frame before it.
        rate: frames a second of the source; None for images.
    """
    if frame.duration:
        return frame.duration
    if previous is not None and frame.pts > previous.pts:
        return frame.pts - previous.pts
    return 1 / rate if rate else DEFAULT_DURATION


class LoopedSource:
    """Yields the frames of a source again and again; times and indices continue.

    A source that is damaged repeats up to the damage.

    Args:
        first: the open source, which is closed with this one.
        reopen: opens it again, at its first frame.
    """

    def __init__(self, first: Source, reopen: Callable[[], Source]) -> None:
        self._source = first
        self._reopen = reopen
        self._closed = threading.Event()
        self.info = replace(first.info, count=None, duration_s=None)

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until `close`.

        Raises:
            SourceOpenError: the source can no longer be opened.
            SourceReadError: it was opened again and has no frame.
        """
        index, pts = 0, Fraction(0)
        while not self._closed.is_set():
            last: Frame | None = None
            previous: Frame | None = None
            for frame in self._read_once():
                previous, last = last, replace(frame, index=frame.index + index, duration=None)
                last = replace(last, pts=frame.pts + pts)
                yield last
            if self._closed.is_set():
                return
            if last is None:
                raise SourceReadError(f"{self.info.name} has no frame any more")
            pts = last.pts + compute_duration(last, previous, self._source.info.rate)
            index = last.index + 1
            self._open_again()

    def close(self) -> None:
        """End the iteration. Any thread may call this."""
        self._closed.set()
        self._source.close()

    def _read_once(self) -> Iterator[Frame]:
        try:
            yield from self._source
        except SourceReadError as exc:
            log.warning("%s starts again from its first frame: %s", self.info.name, exc)

    def _open_again(self) -> None:
        self._source.close()
        self._source = self._reopen()
        if self._closed.is_set():  # closed while it opened
            self._source.close()
