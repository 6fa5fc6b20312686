"""Runs a source through a model, effects and sinks until the source ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from rimlight.core.errors import RimlightError, SourceReadError, StopStream
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Effect, Lookahead, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.effects import apply_effects
from rimlight.pipeline.settings import Settings
from rimlight.pipeline.stages import (
    Masked,
    Stages,
    compute_mask,
    compute_mask_age_s,
    is_mask_older,
)
from rimlight.pipeline.stats import Meter, Stats

log = logging.getLogger(__name__)


class Pipeline:
    """One run. The components are open and stay open: the caller closes them.

    Args:
        source: where frames come from.
        segmenter: the model.
        sinks: where frames go, in this order.
        refiners: improve each mask, in this order.
        lookahead: delays masks to improve them by later ones.
        effects: make the frame that is shown, in this order.
        settings: how frames travel between the threads.
        skip_failed: skip an image at which a component fails, and continue; see `SkippedImages`.
        on_frame: called on the caller's thread after each frame.
        clock: monotonic seconds.
    """

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
        skip_failed: bool = False,
        on_frame: Callable[[Frame], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._segmenter = segmenter
        self._sinks = sinks
        self._refiners = refiners
        self._effects = effects
        self._settings = settings or Settings()
        self._on_frame = on_frame
        self._meter = Meter(clock)
        self._skipped = SkippedImages(source.info.count) if skip_failed else None
        self._stages = Stages(
            source,
            self._compute_mask,
            settings=self._settings,
            meter=self._meter,
            lookahead=lookahead,
        )

    @property
    def stats(self) -> Stats:
        """The figures up to now; safe to read while it runs."""
        if not self._stages.ended.is_set():
            self._stages.count_dropped()
        return self._meter.summarize()

    @property
    def cut_short(self) -> bool:
        """Frames that were read did not reach every sink."""
        return self._stages.cut_short

    def stop(self) -> None:
        """End the run in order: frames in flight are finished. Any thread or signal handler."""
        self._stages.stop()

    def run(self) -> Stats:
        """Run until the source ends, a sink ends the run, or `stop` is called.

        Raises:
            Exception: whatever a component raised, unchanged, after the threads have ended.
        """
        self._stages.run(self._write_all)
        return self.stats

    def _compute_mask(self, frame: Frame) -> Mask | None:
        try:
            return compute_mask(frame, self._segmenter, self._refiners, self._meter)
        except Exception as exc:
            self._skip_or_raise(frame, exc)
            return None

    def _write_all(self) -> None:
        """Send every frame through effects and sinks, on the caller's thread."""
        is_exact = self._settings.mask_sync == "exact"
        for frame, mask in self._stages.masked if is_exact else self._pair_with_latest():
            try:
                shown = self._apply_effects(frame, mask)
            except Exception as exc:
                self._skip_or_raise(frame, exc)
            else:
                self._write(shown)
        if self._skipped:
            self._skipped.raise_at_end(has_done_any=self._meter.frames > 0)

    def _skip_or_raise(self, frame: Frame, exc: Exception) -> None:
        if self._skipped is None:
            raise exc
        self._skipped.record_or_raise(frame, exc)

    def _pair_with_latest(self) -> Iterator[Masked]:
        """Pair each frame with the latest mask; wait for one where that would be too old."""
        masked, max_age_s = self._stages.masked, self._settings.max_mask_age_s
        masks = iter(masked)
        latest: Masked | None = None
        for frame in self._stages.shown:
            patience_s = self._stages.compute_patience_s()
            while masked.wait_ready(patience_s if is_mask_older(latest, frame) else 0):
                latest = next(masks)
            while latest is None or compute_mask_age_s(latest, frame) > max_age_s:
                latest = next(masks, None)
                if latest is None:
                    return
            self._meter.add("mask age", max(0.0, compute_mask_age_s(latest, frame)))
            yield frame, latest[1]

    def _apply_effects(self, frame: Frame, mask: Mask) -> Frame:
        with self._meter.time("effects"):
            return apply_effects(self._effects, frame, mask).blank_transparent()

    def _write(self, shown: Frame) -> None:
        with self._meter.time("sinks"):
            for sink in self._sinks:
                sink.write(shown)
        self._meter.count_frame(shown.captured_at)
        if self._on_frame:
            self._on_frame(shown)


class SkippedImages:
    """The images of a run at which a component failed, such as one too large for the memory.

    What a component raises on purpose ends the run, and so does a failure at every image.

    Args:
        total: the images of the run; None for a watched folder, which has no end to report at.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._failed: list[tuple[str, Exception]] = []

    def record_or_raise(self, frame: Frame, error: Exception) -> None:
        """Record an image that failed, whatever its size or content led to.

        Raises:
            Exception: `error`, if it was raised on purpose.
        """
        if isinstance(error, RimlightError | StopStream):
            raise error
        log.warning("skipped %s: %s", frame.name, _explain(error))
        self._failed.append((frame.name, error))

    def raise_at_end(self, *, has_done_any: bool) -> None:
        """Raise for the images that were skipped, if any."""
        if not self._failed:
            return
        if not has_done_any:
            raise self._failed[0][1]
        if self._total is not None:
            names = "; ".join(f"{name}: {_explain(error)}" for name, error in self._failed[:3])
            raise SourceReadError(
                f"{len(self._failed)} of {self._total} images could not be "
                f"processed: {names}" + ("; ..." if len(self._failed) > 3 else ""),
                hint="the others were processed; try these alone, or smaller",
            )


def _explain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory"
    return " ".join(str(error).split()) or type(error).__name__
