"""Any sink on a thread of its own: so that a slow one holds up nobody, or to keep a steady rate."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rimlight.core.errors import StopStream
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.frame_queue import FrameQueue, Overflow

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Sink

log = logging.getLogger(__name__)

ABORT_TIMEOUT_S = 3.0

_DELAYS = 256
"""Frames that a steady sink's delay is told from."""

MAX_DRIFT = 0.005
"""The most by which intervals differ from the rate: 0.15 frames a second of 30."""
MIN_WAIT = 0.15
"""How long, in intervals, a frame should have waited for its turn: less, and some would miss it."""
MAX_BEHIND = 10
"""Intervals that are made up for by turns without a wait; what is more is given up."""


class ThreadedSink:
    """Hands frames to `sink` on another thread. Not for windows: those need the main thread.

    Live, a sink that is too slow misses the oldest frames (see `dropped`); otherwise `write`
    waits for room. What `sink` raises comes out of the next `write` or of `close`.

    Args:
        sink: the sink that does the work; this one closes it.
        info: the run's source; says whether it is live.
        capacity: frames that may wait.
        max_bytes: bytes of pictures that may wait.
        writers: threads that write at once; more than one only for a `Shared` sink.
    """

    def __init__(
        self,
        sink: Sink,
        info: SourceInfo,
        *,
        capacity: int = 8,
        max_bytes: int = 64 << 20,
        writers: int = 1,
    ) -> None:
        policy = Overflow.DROP_OLDEST if info.is_live else Overflow.BLOCK
        self.sink = sink
        """The sink that does the work."""
        self._frames: FrameQueue[Frame] = FrameQueue(
            capacity, policy, max_bytes=max_bytes, size_of=_count_bytes
        )
        self._error: BaseException | None = None
        self._done = False
        name = f"rimlight-{type(sink).__name__}"
        self._threads = [
            threading.Thread(target=self._run, name=name, daemon=True) for _ in range(writers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def dropped(self) -> int:
        """Frames that `sink` was too slow for."""
        return self._frames.dropped

    def write(self, frame: Frame) -> None:
        """Leave `frame` for the thread.

        Raises:
            Exception: whatever `sink` raised on an earlier frame, unchanged.
            ValueError: the sink is closed.
        """
        if not self._frames.put(frame):
            raise self._error or ValueError("write to a closed sink")

    def mark_partial(self) -> None:
        """Tell the sink, where it wants to know, that it has not received all frames."""
        mark_partial = getattr(self.sink, "mark_partial", None)
        if mark_partial is not None:
            mark_partial()

    def close(self) -> None:
        """Wait until every frame is written, then close the sink.

        Raises:
            Exception: whatever `sink` raised and no `write` has passed on; it is aborted then.
        """
        if self._done:
            return
        self._done = True
        self._frames.close()
        for thread in self._threads:
            thread.join()
        _close_or_abort(self.sink, self._error)

    def abort(self) -> None:
        """Drop what is waiting and abort the sink."""
        if self._done:
            return
        self._done = True
        self._frames.discard()
        if _join_threads(self._threads):
            self.sink.abort()

    def _run(self) -> None:
        try:
            for frame in self._frames:
                self.sink.write(frame)
        except BaseException as exc:  # raised again on the caller's thread
            self._error = self._error or exc
            self._frames.discard()


class ConstantRateSink:
    """Writes to `sink` at a constant rate, on a thread of its own: the newest frame, or it again.

    Readers of the sink get frames whatever the run is busy with. The write times drift to just
    after the frames arrive, which keeps the delay short (see `FramePacer`). Nothing is written
    before the first frame. What `sink` raises is raised by the next `write` or by `close`.

    Args:
        sink: the sink that does the work; this one closes it.
        rate: frames a second.
        clock: monotonic seconds.
    """

    def __init__(
        self, sink: Sink, rate: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sink = sink
        """The sink that does the work."""
        self._rate = rate
        self._clock = clock
        self._newest: FrameQueue[Frame] = FrameQueue(1, Overflow.DROP_OLDEST)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._done = False
        self._put_at = clock()
        self._delays: deque[float] = deque(maxlen=_DELAYS)
        self.written = 0
        """Frames that went to the sink, repeats included."""
        self.repeated = 0
        """Frames that went to the sink once more, as there was no newer one."""
        name = f"rimlight-steady-{type(sink).__name__}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before their turn."""
        return self._newest.dropped

    def write(self, frame: Frame) -> None:
        """Show `frame` from the next turn on.

        Raises:
            Exception: whatever `sink` raised on an earlier frame, unchanged.
            ValueError: the sink is closed.
        """
        self._put_at = self._clock()
        if not self._newest.put(frame):
            raise self._error or ValueError("write to a closed sink")

    def write_immediately(self, frame: Frame) -> None:
        """Show `frame` from the next turn on. Any thread; raises nothing, `write` will."""
        self._newest.put(frame)

    @property
    def delay_s(self) -> float:
        """How late the last frames were when they went to the sink, median; 0.0 before any."""
        delays = list(self._delays)
        return statistics.median(delays) if delays else 0.0

    def close(self) -> None:
        """Stop, then close the sink.

        Raises:
            Exception: whatever `sink` raised and no `write` has passed on; it is aborted then.
        """
        if self._stop():
            _close_or_abort(self.sink, self._error)

    def abort(self) -> None:
        """Stop, then abort the sink."""
        if self._stop():
            self.sink.abort()

    def _stop(self) -> bool:
        """End the thread; False if that was done before, or it does not come back."""
        if self._done:
            return False
        self._done = True
        self._stopped.set()
        self._newest.close()
        return _join_threads([self._thread])

    def _run(self) -> None:
        try:
            self._write_at_rate()
        except BaseException as exc:  # raised again on the caller's thread
            self._error = exc
            self._newest.discard()

    def _write_at_rate(self) -> None:
        frames = iter(self._newest)
        frame = next(frames, None)
        pace, is_new = FramePacer(self._rate, self._clock()), True
        while frame is not None:
            self.sink.write(frame)
            if is_new:
                self._delays.append(self._clock() - frame.captured_at)
            self.written += 1
            if self._stopped.wait(pace.advance(self._clock())):
                return
            is_new = len(self._newest) > 0
            pace.adjust(self._put_at, is_new=is_new)
            if is_new:
                frame = next(frames, None)
            else:
                self.repeated += 1


def _join_threads(threads: Sequence[threading.Thread]) -> bool:
    """Join threads that were told to end; False where one hangs in a write.

    Its sink is left alone then: aborting under a running write could crash an encoder.
    """
    for thread in threads:
        thread.join(ABORT_TIMEOUT_S)
        if thread.is_alive():
            log.warning("%s does not come back from a write; left to itself", thread.name)
            return False
    return True


def _close_or_abort(sink: Sink, error: BaseException | None) -> None:
    """Close `sink`; where a write has failed, abort it and raise that."""
    if error is None or isinstance(error, StopStream):
        sink.close()
        return
    sink.abort()
    raise error


def _count_bytes(frame: Frame) -> int:
    alpha = frame.alpha.nbytes if frame.alpha is not None else 0
    return frame.nbytes + alpha


class FramePacer:
    """Turns at a constant rate, which drift, within `MAX_DRIFT`, to just after the frames arrive.

    Args:
        rate: turns a second.
        now_s: when the first turn is; as all times here, by one clock of the caller's.
    """

    def __init__(self, rate: float, now_s: float) -> None:
        self._interval_s = 1 / rate
        self._due_s = now_s

    def advance(self, now_s: float) -> float:
        """Go on to the next turn, and return how long it is until then; 0.0 when it is late."""
        earliest_s = now_s - MAX_BEHIND * self._interval_s
        self._due_s = max(self._due_s + self._interval_s, earliest_s)
        return max(0.0, self._due_s - now_s)

    def adjust(self, put_s: float, *, is_new: bool) -> None:
        """Let the turns after this one come a little later or sooner, as the frames come.

        Args:
            put_s: when the newest frame came.
            is_new: it came since the turn before.
        """
        waited = (self._due_s - put_s) / self._interval_s
        if waited > 2:  # no frames come: there is nothing to follow
            return
        is_early = not is_new or waited < MIN_WAIT
        self._due_s += (MAX_DRIFT if is_early else -MAX_DRIFT) * self._interval_s
