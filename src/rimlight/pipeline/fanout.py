"""Gives each picture of a live run to every sink, and covers all of them at a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from rimlight.core.errors import StopStream
from rimlight.core.frame import Frame
from rimlight.core.protocols import Sink, SupportsImmediateWrite
from rimlight.pipeline.error_log import FaultLog


class Fanout:
    """The sinks of a live run; one that fails is left out if another remains.

    While it is covered, nothing but covers goes out. Any thread may say so, and the sinks that can
    be interrupted show a plain picture from then on, whatever the run's own thread waits for.

    Args:
        sinks: in the order in which they get each picture.
        plain: the picture that covers at once, before the run has made a better one.
        faults: where failures are noted.
        unit: the least step in time from one picture to the next, in seconds; a millisecond where
            that is more, as Matroska cannot tell closer ones apart.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        plain: Frame,
        faults: FaultLog,
        *,
        unit: Fraction = Fraction(1, 1000),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sinks = tuple(sinks)
        self._plain = plain
        self._faults = faults
        self._unit = max(unit, Fraction(1, 1000))
        self._clock = clock
        self.failures: tuple[tuple[Sink, Exception], ...] = ()
        """The sinks that were left out because they failed, and why."""
        self._index = -1
        self.pts = Fraction(-1)
        """Of the last picture."""
        self.sent_at = clock()
        """When the last picture was sent, in monotonic seconds."""
        self._covered = False
        self._changing = threading.Lock()
        """Held while prompt sinks are written to: no picture slips in behind a cover."""

    @property
    def covered(self) -> bool:
        """Nothing but covers goes out."""
        return self._covered

    @covered.setter
    def covered(self, on: bool) -> None:
        with self._changing:
            self._covered = on
            plain = replace(self._plain, captured_at=self._clock())
            for sink in self._sinks:
                if on and isinstance(sink, SupportsImmediateWrite):
                    sink.write_immediately(plain)

    def send(self, shown: Frame, *, is_cover: bool, worked: bool) -> Frame:
        """Write to every sink; return what they got.

        Args:
            shown: the picture. Holding pictures lie between the frames, so it is given a place
                after the one before.
            is_cover: it may be shown while everything is covered.
            worked: a picture has been shown before; else a failure ends the run.

        Raises:
            StopStream: the user asked a sink to end the run.
            Exception: what the last sink raised.
        """
        shown = self._placed(shown)
        for sink in self._sinks:
            try:
                self._write(sink, shown, is_cover=is_cover)
            except StopStream:
                raise
            except Exception as exc:
                others = tuple(each for each in self._sinks if each is not sink)
                self._faults.survive("sinks", exc, worked=worked and bool(others))
                self._sinks = others
                self._let_go(sink, exc)
        return shown

    def _let_go(self, sink: Sink, exc: Exception) -> None:
        """Release a sink that has failed while the others go on."""
        self.failures = (*self.failures, (sink, exc))
        try:
            sink.abort()
        except Exception as error:
            self._faults.survive("sinks", error, worked=True)

    def _placed(self, frame: Frame) -> Frame:
        index, pts = max(frame.index, self._index + 1), max(frame.pts, self.pts + self._unit)
        self._index, self.pts, self.sent_at = index, pts, self._clock()
        is_there = (frame.index, frame.pts) == (index, pts)
        return frame if is_there else replace(frame, index=index, pts=pts)

    def _write(self, sink: Sink, shown: Frame, *, is_cover: bool) -> None:
        if isinstance(sink, SupportsImmediateWrite):
            with self._changing:
                if is_cover or not self._covered:
                    sink.write(shown)
        elif is_cover or not self._covered:
            sink.write(shown)
