"""Plays a file or images as a live source: yields each frame at its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from rimlight.core.errors import SourceReadError
from rimlight.core.frame import Frame
from rimlight.sources.frame_fitter import FrameFitter
from rimlight.sources.looped import compute_duration

if TYPE_CHECKING:
    from rimlight.core.protocols import Source

_LATE_S = 1.0
"""A run that is later than this, for example after a suspend, does not catch up."""

_LONGEST_GAP = Fraction(1, 5)
"""A frame that lasts longer is delivered again: a live output expects frames."""

_STILL_RATE = Fraction(30)
"""Frames a second of single images."""


class PacedSource:
    """Yields the frames of `source` in real time, all of the size of the first.

    A frame that lasts, such as a slide, is repeated at the rate of the source.

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
        info = source.info
        rate = _STILL_RATE if info.is_image_sequence else info.rate
        self._rate = info.rate
        self._step = min(1 / rate, _LONGEST_GAP) if rate else _LONGEST_GAP
        self._fitter = FrameFitter(info.size)
        self._start_s: float | None = None
        count = None if info.is_image_sequence else info.count
        self.info = replace(info, is_live=True, is_image_sequence=False, rate=rate, count=count)

    def __iter__(self) -> Iterator[Frame]:
        """Yield each frame when it is due, until the file ends or `close` is called.

        Raises:
            SourceReadError: the file broke off; the frames before it were yielded.
        """
        for index, frame in enumerate(self._play()):
            yield replace(frame, index=index, captured_at=self._clock())

    def _play(self) -> Iterator[Frame]:
        shown: Frame | None = None
        previous: Frame | None = None
        error: SourceReadError | None = None
        try:
            for frame in map(self._fitter.fit, self._source):
                if shown is not None:
                    yield from self._repeat(shown, frame.pts)
                if not self._wait_until(frame.pts):
                    return
                yield frame
                previous, shown = shown, frame
        except SourceReadError as exc:
            error = exc
        if shown is not None and not self._stopped.is_set():
            end = shown.pts + compute_duration(shown, previous, self._rate)
            yield from self._repeat(shown, end)
        if error is not None:
            raise error

    def _repeat(self, frame: Frame, end: Fraction) -> Iterator[Frame]:
        """Yield `frame` again until it ends at `end`, if it lasts; repeats never come late."""
        if end - frame.pts <= _LONGEST_GAP:
            return
        pts = frame.pts + self._step
        while pts < end and not self._stopped.is_set():
            if self._compute_due_s(pts) >= self._clock() and self._wait_until(pts):
                yield replace(frame, pts=pts)
            pts += self._step

    def _wait_until(self, pts: Fraction) -> bool:
        """Wait until a frame at `pts` is due; return False to end the iteration."""
        now, due = self._clock(), self._compute_due_s(pts)
        if self._start_s is None or now - due > _LATE_S:
            self._start_s = now - float(pts)
        elif self._wait(max(0.0, due - now)):
            self._stopped.set()
        return not self._stopped.is_set()

    def _compute_due_s(self, pts: Fraction) -> float:
        return self._clock() if self._start_s is None else self._start_s + float(pts)

    def stop_waiting(self) -> None:
        """End the iteration while it waits for the time of a frame. Any thread may call this."""
        self._stopped.set()

    def close(self) -> None:
        """Close the file."""
        self._stopped.set()
        self._source.close()
