"""Runs a pipeline: capture and inference on threads of their own, the rest on the caller's.

    source -> [frames] -> segmenter, refiners, look-ahead -> [masked] -> effects -> sinks
    capture thread        inference thread                    caller's thread

Every buffer carries the end and the error, so whatever a part raises reaches the caller unchanged
and every thread ends. Windows need the caller to be the main thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

from rimlight.core.errors import SourceReadError, StopStream
from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import FrameQueue
from rimlight.core.protocols import (
    Effect,
    Interruptible,
    Lookahead,
    Refiner,
    Segmenter,
    Sink,
    Source,
)
from rimlight.pipeline.settings import Settings
from rimlight.pipeline.stats import Meter, Stats

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3.0
Masked = tuple[Frame, Mask]
Threads = Sequence[threading.Thread]


class Pipeline:
    """One run. The parts are open and stay open: whoever opened them closes them."""

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        sinks: Sequence[Sink],
        *,
        refiners: Sequence[Refiner] = (),
        lookahead: Lookahead | None = None,
        effects: Sequence[Effect] = (),
        settings: Settings | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._segmenter = segmenter
        self._sinks = sinks
        self._refiners = refiners
        self._lookahead = lookahead
        self._is_read = False
        self._captured = 0
        self.cut_short = False
        """Frames that were read did not reach every sink: `stop` let go of those that waited for
        others (see `Lookahead`), or a sink ended the run."""
        self._effects = effects
        self._settings = settings or Settings()
        self._on_frame = on_frame
        self._meter = Meter(clock)
        buffer, bytes_of = self._settings.buffer, attrgetter("nbytes")
        self._frames: FrameQueue[Frame] = buffer(bytes_of, through_model=True)
        self._masked: FrameQueue[Masked] = buffer(_bytes_of_masked, through_model=True)
        self._shown: FrameQueue[Frame] = buffer(bytes_of, through_model=False)
        self._ended = threading.Event()

    @property
    def stats(self) -> Stats:
        """The figures up to now; safe to ask for while it runs."""
        if not self._ended.is_set():
            self._count_dropped()
        return self._meter.stats()

    @property
    def captured(self) -> int:
        """How many frames the source has given."""
        return self._captured

    def stop(self) -> None:
        """End the run in order: what is under way is finished. Any thread or signal handler."""
        if self._ended.is_set():
            return  # a handler may have interrupted what closes the parts, and holds their locks
        if isinstance(self._source, Interruptible):
            self._source.stop_waiting()
        self._frames.close()
        self._shown.close()

    def run(self) -> Stats:
        """Run until the source ends, a sink asks to stop, or `stop` is called.

        Raises:
            Exception: whatever a part raised, unchanged, after the threads have ended.
        """
        threads: list[threading.Thread] = []
        try:
            for name, task in self._tasks().items():
                thread = threading.Thread(target=task, name=f"rimlight-{name}", daemon=True)
                thread.start()
                threads.append(thread)
            self._show()
        except StopStream:
            self.cut_short = True
            log.debug("a sink ended the run")
        finally:
            self._end(threads)
        return self.stats

    def _tasks(self) -> dict[str, Callable[[], None]]:
        """Return what runs on threads of its own, by name; the capture comes first."""
        return {"capture": self._capture, "infer": self._infer}

    def _capture(self) -> None:
        error: BaseException | None = None
        try:
            self._read()
        except SourceReadError as exc:  # there is no more of it
            error, self._is_read = exc, True
        except BaseException as exc:  # raised again on the caller's thread
            error = exc
        self._shown.close(error)
        self._frames.close(error)

    def _read(self) -> None:
        frames = iter(self._source)
        while True:
            with self._meter.time("read"):
                frame = next(frames, None)
            self._is_read = frame is None
            if frame is None or not self._take_in(frame):
                return

    def _take_in(self, frame: Frame) -> bool:
        """Hand over a frame that was read; False if nobody wants more. For the capture thread."""
        self._captured += 1
        frame = frame.blank_transparent()
        if not self._frames.put(frame):
            return False
        if self._settings.mask_sync == "latest":
            self._shown.put(frame)
        return True

    def _infer(self) -> None:
        error: BaseException | None = None
        try:
            self._put_masked()
        except BaseException as exc:  # raised again on the caller's thread
            error = exc
        self._masked.close(error)
        self._shown.close(error)  # before the capture, which is stopped next, ends it without error
        self._frames.discard()

    def _put_masked(self) -> None:
        try:
            for frame in self._frames:
                if not self._put_mask_of(frame):
                    return
        except SourceReadError:
            self._put_rest()
            raise
        self._put_rest()

    def _put_mask_of(self, frame: Frame) -> bool:
        """Hand over the mask of a frame; False if nobody wants more. For the inference thread."""
        mask = self._attempt(frame)
        return mask is None or all(map(self._masked.put, self._due(frame, mask)))

    def _due(self, frame: Frame, mask: Mask) -> Iterable[Masked]:
        with self._meter.time("refine"):
            return self._lookahead.push(frame, mask) if self._lookahead else ((frame, mask),)

    def _put_rest(self) -> None:
        """Send what waits for frames to come, if none will come: else its masks are not final."""
        rest = self._lookahead.flush() if self._lookahead else ()
        if self._is_read:
            all(map(self._masked.put, rest))
        else:
            self.cut_short |= any(True for _ in rest)

    def _attempt(self, frame: Frame) -> Mask | None:
        """Return the mask of `frame`; None where a run goes on without it (see `live.py`)."""
        return self._mask(frame)

    def _mask(self, frame: Frame) -> Mask:
        with self._meter.time("segment"):
            mask = self._segmenter.segment(frame)
        with self._meter.time("refine"):
            # What is no number would never leave what refiners remember.
            refiners = self._refiners if self._refiners and mask.is_finite else ()
            for refiner in refiners:
                mask = refiner.refine(mask, frame)
        return mask

    def _show(self) -> None:
        """Send every frame through effects and sinks, on the caller's thread."""
        pairs = self._masked if self._settings.mask_sync == "exact" else self._newest()
        for frame, mask in pairs:
            self._send(self._applied(frame, mask))

    def _newest(self) -> Iterator[Masked]:
        """Pair each shown frame with the newest mask; wait where that would be too old.

        A model that is quicker than half a frame interval is waited for: its mask fits exactly.
        """
        masks = iter(self._masked)
        last: Masked | None = None
        for frame in self._shown:
            patience_s = self._patience_s()
            while self._masked.wait_ready(patience_s if self._is_before(last, frame) else 0):
                last = next(masks)
            while last is None or self._age_s(last, frame) > self._settings.max_mask_age_s:
                last = next(masks, None)
                if last is None:
                    return
            self._meter.add("mask age", max(0.0, self._age_s(last, frame)))
            yield frame, last[1]

    def _patience_s(self) -> float:
        rate = self._source.info.rate
        expected_s = self._meter.recent_s("segment")
        half_interval_s = 0.5 / float(rate) if rate else 0.0
        return half_interval_s if expected_s < half_interval_s else 0.0

    @staticmethod
    def _is_before(masked: Masked | None, frame: Frame) -> bool:
        return masked is None or masked[0].index < frame.index

    @staticmethod
    def _age_s(masked: Masked, frame: Frame) -> float:
        return frame.captured_at - masked[0].captured_at

    def _applied(self, frame: Frame, mask: Mask) -> Frame:
        with self._meter.time("effects"):
            for effect in self._effects:
                frame = effect.apply(frame, mask)
            return self._without_hidden(frame)

    def _without_hidden(self, shown: Frame) -> Frame:
        """Return a picture that holds nothing of the source's where it is transparent."""
        return shown.blank_transparent()

    def _send(self, shown: Frame) -> None:
        with self._meter.time("sinks"):
            for sink in self._sinks:
                sink.write(shown)
        self._meter.frame_done(shown.captured_at)
        if self._on_frame:
            self._on_frame(shown)

    def _end(self, threads: Threads) -> None:
        """Wake and join the threads; a camera that blocks in a read is closed under it."""
        self._count_dropped()  # before what is left in the buffers counts as dropped too
        self._ended.set()
        for buffer in (self._frames, self._masked, self._shown):
            buffer.discard()
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)
        if threads and threads[0].is_alive():
            self._source.close()
            threads[0].join(STOP_TIMEOUT_S)
        for thread in threads:
            if thread.is_alive():  # a silent stream's read is nothing that anybody can mend
                level = logging.DEBUG if thread is threads[0] else logging.WARNING
                log.log(level, "%s does not come back; left to itself", thread.name)

    def _count_dropped(self) -> None:
        if self._settings.mask_sync == "latest":
            self._meter.drop("output too slow", self._shown.dropped)
        else:
            self._meter.drop("model too slow", self._frames.dropped)
            self._meter.drop("output too slow", self._masked.dropped)


def _bytes_of_masked(masked: Masked) -> int:
    return masked[0].nbytes + masked[1].data.nbytes
