"""The stages of a run, the queues between them, and the threads that they run on.

    source -> [frames] -> segmenter, refiners, look-ahead -> [masked] -> effects -> sinks
    capture thread        inference thread                    caller's thread

Every queue carries the end and the error, so whatever a component raises reaches the caller
unchanged and every thread ends. Windows need the caller to be the main thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from rimlight.core.errors import SourceReadError, StopStream
from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import FrameQueue
from rimlight.core.protocols import Interruptible, Lookahead, Refiner, Segmenter, Source
from rimlight.imaging.jit import use_jit
from rimlight.pipeline.settings import Settings
from rimlight.pipeline.stats import Meter

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3.0
Masked = tuple[Frame, Mask]
"""A frame and the mask that was computed from it."""


class Stages:
    """Reads a source on one thread, computes masks on another, and ends both in order.

    Args:
        source: open; it is closed only where a thread blocks in it at the end.
        compute_mask: returns the mask of a frame, or None to continue without one. It runs on
            the inference thread.
        settings: how frames travel; its choice of `jit` holds on every thread of this run alone.
        meter: takes the times and counts.
        lookahead: delays masks to improve them by later ones.
    """

    def __init__(
        self,
        source: Source,
        compute_mask: Callable[[Frame], Mask | None],
        *,
        settings: Settings,
        meter: Meter,
        lookahead: Lookahead | None = None,
    ) -> None:
        self._source = source
        self._compute_mask = compute_mask
        self._settings = settings
        self._meter = meter
        self._lookahead = lookahead
        self._is_exhausted = False
        self.captured = 0
        """Frames that the source has delivered."""
        self.cut_short = False
        """Frames that were read did not reach every sink: `stop` dropped those that waited for
        others (see `Lookahead`), or a sink ended the run."""
        self.ended = threading.Event()
        make_queue, bytes_of = settings.make_queue, attrgetter("nbytes")
        self.frames: FrameQueue[Frame] = make_queue(bytes_of, through_model=True)
        """Frames for the model."""
        self.masked: FrameQueue[Masked] = make_queue(_get_masked_bytes, through_model=True)
        """Frames with their masks, from the model."""
        self.shown: FrameQueue[Frame] = make_queue(bytes_of, through_model=False)
        """Frames that pass by the model; only where they share masks."""

    def run(self, output: Callable[[], None], *, control: Callable[[], None] | None = None) -> None:
        """Start the threads, call `output` on this one, then end the threads.

        Args:
            output: empties the queues; it returns when they have ended.
            control: runs on one more thread; it must return once `ended` is set.

        Raises:
            Exception: whatever a component raised, unchanged, after the threads have ended.
        """
        tasks = {"capture": self._capture, "infer": self._infer}
        if control:
            tasks["control"] = control
        threads: list[threading.Thread] = []
        try:
            for name, task in tasks.items():
                thread = threading.Thread(
                    target=self._call, args=(task,), name=f"rimlight-{name}", daemon=True
                )
                thread.start()
                threads.append(thread)
            self._call(output)
        except StopStream:
            self.cut_short = True
            log.debug("a sink ended the run")
        finally:
            self._end(threads)

    def stop(self) -> None:
        """End the run in order: frames in flight are finished. Any thread or signal handler."""
        if self.ended.is_set():
            return  # a handler may have interrupted the closing of components, which holds locks
        if isinstance(self._source, Interruptible):
            self._source.stop_waiting()
        self.frames.close()
        self.shown.close()

    def accept_frame(self, frame: Frame) -> bool:
        """Queue a frame that was read; False if the run is ending. For the capture thread."""
        self.captured += 1
        frame = frame.blank_transparent()
        if not self.frames.put(frame):
            return False
        if self._settings.mask_sync == "latest":
            self.shown.put(frame)
        return True

    def infer_frame(self, frame: Frame) -> bool:
        """Queue the mask of a frame; False if the run is ending. For the inference thread."""
        mask = self._compute_mask(frame)
        return mask is None or all(map(self.masked.put, self._push(frame, mask)))

    def compute_patience_s(self) -> float:
        """Return how long a frame should wait for its own mask; 0.0 where that takes too long.

        A model that is quicker than half a frame interval is waited for: its mask fits exactly.
        """
        rate = self._source.info.rate
        expected_s = self._meter.get_last_s("segment")
        half_interval_s = 0.5 / float(rate) if rate else 0.0
        return half_interval_s if expected_s < half_interval_s else 0.0

    def count_dropped(self) -> None:
        """Enter into the meter what the queues have dropped."""
        if self._settings.mask_sync == "latest":
            self._meter.set_dropped("output too slow", self.shown.dropped)
        else:
            self._meter.set_dropped("model too slow", self.frames.dropped)
            self._meter.set_dropped("output too slow", self.masked.dropped)

    def _call(self, task: Callable[[], None]) -> None:
        with use_jit(enabled=self._settings.jit):
            task()

    def _capture(self) -> None:
        error: BaseException | None = None
        try:
            self._read()
        except SourceReadError as exc:  # the stream has no more frames
            error, self._is_exhausted = exc, True
        except BaseException as exc:  # raised again on the caller's thread
            error = exc
        self.shown.close(error)
        self.frames.close(error)

    def _read(self) -> None:
        frames = iter(self._source)
        while True:
            with self._meter.time("read"):
                frame = next(frames, None)
            self._is_exhausted = frame is None
            if frame is None or not self.accept_frame(frame):
                return

    def _infer(self) -> None:
        error: BaseException | None = None
        try:
            self._infer_all()
        except BaseException as exc:  # raised again on the caller's thread
            error = exc
        self.masked.close(error)
        self.shown.close(error)  # before the capture, which is stopped next, ends it without error
        self.frames.discard()

    def _infer_all(self) -> None:
        try:
            for frame in self.frames:
                if not self.infer_frame(frame):
                    return
        except SourceReadError:
            self._flush()
            raise
        self._flush()

    def _push(self, frame: Frame, mask: Mask) -> Iterable[Masked]:
        with self._meter.time("refine"):
            return self._lookahead.push(frame, mask) if self._lookahead else ((frame, mask),)

    def _flush(self) -> None:
        """Queue the delayed frames if no frame follows: else their masks are not final."""
        delayed = self._lookahead.flush() if self._lookahead else ()
        if self._is_exhausted:
            all(map(self.masked.put, delayed))
        else:
            self.cut_short |= any(True for _ in delayed)

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        """Wake and join the threads; a camera that blocks in a read is closed under it."""
        self.count_dropped()  # before what is left in the queues counts as dropped too
        self.ended.set()
        for queue in (self.frames, self.masked, self.shown):
            queue.discard()
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)
        if threads and threads[0].is_alive():
            self._source.close()
            threads[0].join(STOP_TIMEOUT_S)
        for thread in threads:
            if thread.is_alive():  # nobody can do anything about the read of a silent stream
                level = logging.DEBUG if thread is threads[0] else logging.WARNING
                log.log(level, "%s does not return; abandoned", thread.name)


def compute_mask(
    frame: Frame, segmenter: Segmenter, refiners: Sequence[Refiner], meter: Meter
) -> Mask:
    """Return the refined mask of `frame`; a mask with NaN is not refined."""
    with meter.time("segment"):
        mask = segmenter.segment(frame)
    with meter.time("refine"):
        # NaN would never leave the state of a refiner.
        for refiner in refiners if refiners and mask.is_finite else ():
            mask = refiner.refine(mask, frame)
    return mask


def compute_mask_age_s(masked: Masked, frame: Frame) -> float:
    """Return how much later `frame` was captured than the frame of a mask."""
    return frame.captured_at - masked[0].captured_at


def is_mask_older(masked: Masked | None, frame: Frame) -> bool:
    """Return True if a mask, where there is one, is that of an earlier frame."""
    return masked is None or masked[0].index < frame.index


def _get_masked_bytes(masked: Masked) -> int:
    return masked[0].nbytes + masked[1].data.nbytes
