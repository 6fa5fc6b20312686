"""Sends each frame of a live run to every sink, and can blank all of them immediately."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from rimlight.core.errors import StopStream
from rimlight.core.frame import Frame
from rimlight.core.protocols import Sink, SupportsImmediateWrite
from rimlight.pipeline.stats import ErrorLog


class Fanout:
    """The sinks of a live run; one that fails is removed if another remains.

    While it is blanked, it sends nothing but blank frames. Any thread may blank it, and the sinks
    that support immediate writes show a plain frame at once, whatever the run's own thread waits
    for.

    Args:
        sinks: in the order in which they get each frame.
        plain: the frame that blanks at once, before the run has made a better one.
        errors: records failures.
        unit: minimum time between two frames, in seconds; at least a millisecond, because
            Matroska cannot distinguish closer ones.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        plain: Frame,
        errors: ErrorLog,
        *,
        unit: Fraction = Fraction(1, 1000),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sinks = tuple(sinks)
        """The sinks that have not failed."""
        self._plain = plain
        self._errors = errors
        self._unit = max(unit, Fraction(1, 1000))
        self._clock = clock
        self._added: tuple[Sink, ...] = ()
        self.failures: tuple[tuple[Sink, Exception], ...] = ()
        """The sinks that were removed because they failed, and why."""
        self._index = -1
        self.pts = Fraction(-1)
        """Of the last frame."""
        self.sent_at = clock()
        """When the last frame was sent, in monotonic seconds."""
        self._is_blanked = False
        self._lock = threading.Lock()
        """Held during each immediate write: no frame slips in behind a blank one."""

    @property
    def is_blanked(self) -> bool:
        """Nothing but blank frames is sent."""
        return self._is_blanked

    def set_blanked(self, *, on: bool) -> None:
        """Blank every sink, or show frames again. Any thread."""
        with self._lock:
            self._is_blanked = on
            plain = replace(self._plain, captured_at=self._clock())
            for sink in self.sinks:
                if on and isinstance(sink, SupportsImmediateWrite):
                    sink.write_immediately(plain)

    def send(self, shown: Frame, *, is_blank: bool, has_worked: bool) -> Frame:
        """Write to every sink; return what they got.

        Args:
            shown: the frame. A fallback frame lies between two frames, so it gets the next index
                and time.
            is_blank: the frame may be shown while everything is blanked.
            has_worked: a frame has been shown before; else a failure ends the run.

        Raises:
            StopStream: the user asked a sink to end the run.
            Exception: what the last sink raised.
        """
        shown = self._assign_time(shown)
        for sink in self.sinks:
            try:
                self._write(sink, shown, is_blank=is_blank)
            except StopStream:
                raise
            except Exception as exc:
                others = tuple(each for each in self.sinks if each is not sink)
                self._errors.record_or_raise("sinks", exc, has_worked=has_worked and bool(others))
                self.sinks = others
                self._abort(sink, exc)
        return shown

    def add_sink(self, sink: Sink) -> None:
        """Send the next frames to one more sink; if it fails, the run does not count as failed."""
        self._added = (*self._added, sink)
        self.sinks = (*self.sinks, sink)

    def remove_sink(self, sink: Sink) -> bool:
        """Send it no more frames; return False if it has failed and was removed before."""
        is_here = sink in self.sinks
        self.sinks = tuple(each for each in self.sinks if each is not sink)
        self._added = tuple(each for each in self._added if each is not sink)
        return is_here

    def _abort(self, sink: Sink, exc: Exception) -> None:
        if sink not in self._added:
            self.failures = (*self.failures, (sink, exc))
        try:
            sink.abort()
        except Exception as error:
            self._errors.record_or_raise("sinks", error, has_worked=True)

    def _assign_time(self, frame: Frame) -> Frame:
        """Return `frame` with an index and a time after those of the last frame."""
        index, pts = max(frame.index, self._index + 1), max(frame.pts, self.pts + self._unit)
        self._index, self.pts, self.sent_at = index, pts, self._clock()
        is_later = (frame.index, frame.pts) == (index, pts)
        return frame if is_later else replace(frame, index=index, pts=pts)

    def _write(self, sink: Sink, shown: Frame, *, is_blank: bool) -> None:
        if isinstance(sink, SupportsImmediateWrite):
            with self._lock:
                if is_blank or not self._is_blanked:
                    sink.write(shown)
        elif is_blank or not self._is_blanked:
            sink.write(shown)
