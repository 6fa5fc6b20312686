"""A live run: a component may fail, the output continues, and the room stays hidden.

It differs from `Pipeline` on the caller's thread: between frames it runs pending commands; where a
frame has no valid mask, or no frame comes, it sends a fallback frame (see `fallback.py`). One more
thread serves the controls, so that they work while a sink blocks.
A component that fails before it has ever worked ends the run with its error, as in any other run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Effect, Refiner, Segmenter, ShowsScreen, Sink, Source
from rimlight.pipeline.effects import apply_effects
from rimlight.pipeline.fallback import (
    NO_MASK,
    FallbackFrame,
    FrameGate,
    blacken_transparent,
)
from rimlight.pipeline.fanout import Fanout
from rimlight.pipeline.hot_swap import HotSwap
from rimlight.pipeline.settings import FallbackKind, LiveSettings, Settings
from rimlight.pipeline.stages import (
    Masked,
    Stages,
    compute_mask,
    compute_mask_age_s,
    is_mask_older,
)
from rimlight.pipeline.stats import ErrorLog, ErrorSummary, Meter, Stats

TICK_S = 0.01
"""How long the caller's thread waits for a frame before it runs pending commands again."""

FIRST_MASK_S = 1.0
"""A model may take this long for its first mask before the fallback frame is shown."""

_DEFAULT_RATE = Fraction(30)


class LivePipeline:
    """Runs until the source ends or `stop`; see the module's docstring.

    Args:
        source: where frames come from.
        segmenter: the model to begin with.
        sinks: where frames go, in this order.
        refiners: improve each mask, in this order.
        effects: make the frame that is shown, in this order.
        settings: how frames travel between the threads.
        live: the limits of the run.
        on_frame: called on the caller's thread after each frame.
        on_frame_tick: called on the caller's thread between frames, and every `TICK_S` while no
            frame comes. It may replace components.
        on_control_tick: called every `TICK_S` on a thread of its own. It may do what any thread
            may: `set_blanked`, `is_frozen`, `stop`, `stats` and `errors`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        sinks: Sequence[Sink],
        *,
        refiners: Sequence[Refiner] = (),
        effects: Sequence[Effect] = (),
        settings: Settings | None = None,
        live: LiveSettings | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        on_frame_tick: Callable[[], None] | None = None,
        on_control_tick: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings, live = settings or Settings(), live or LiveSettings()
        self._info = source.info
        self._is_exact = settings.mask_sync == "exact"
        self._live = live
        self._on_frame = on_frame
        self._on_frame_tick = on_frame_tick
        self._on_control_tick = on_control_tick
        self._clock = clock
        self._meter = Meter(clock)
        self._errors = ErrorLog()
        self.components = HotSwap(segmenter, refiners, effects)
        """What can be replaced while it runs, on the caller's thread."""
        self._stages = Stages(source, self._infer, settings=settings, meter=self._meter)
        self._masks: Iterator[Masked] = iter(self._stages.masked)
        self._gate = FrameGate(settings.max_mask_age_s, live.max_scene_change)
        self._fallback = FallbackFrame(source.info.size, live.fallback)
        unit = source.info.time_base or Fraction(1, 1000)
        self._fanout = Fanout(sinks, self._fallback.plain, self._errors, unit=unit, clock=clock)
        self._has_inferred = self._has_shown = self._was_blanked = False
        self._shown_at = clock()
        self.is_frozen = False
        """Show the last safe frame."""
        self.inference_interval = 1
        """Compute the mask of every nth frame only; the others use the one before."""
        self._inferred_index = -1

    @property
    def is_blanked(self) -> bool:
        """The background alone, or a plain frame is shown: nothing and nobody."""
        return self._fanout.is_blanked

    def set_blanked(self, *, on: bool) -> None:
        """Blank every sink immediately, or show frames again. Any thread."""
        self._fanout.set_blanked(on=on)

    @property
    def shares_masks(self) -> bool:
        """A frame may use the mask of another; else a frame without a mask is not shown."""
        return not self._is_exact

    @property
    def captured(self) -> int:
        """Frames that the source has delivered."""
        return self._stages.captured

    @property
    def cut_short(self) -> bool:
        """Frames that were read did not reach every sink."""
        return self._stages.cut_short

    @property
    def stats(self) -> Stats:
        """The figures up to now; safe to read while it runs."""
        if not self._stages.ended.is_set():
            self._stages.count_dropped()
        return self._meter.summarize()

    @property
    def errors(self) -> ErrorSummary:
        """The non-fatal errors up to now."""
        return self._errors.summarize()

    @property
    def failures(self) -> tuple[tuple[Sink, Exception], ...]:
        """The sinks that failed while others continued, and why."""
        return self._fanout.failures

    def add_sink(self, sink: Sink) -> None:
        """Send the next frames to one more sink, on the caller's thread; its opener closes it."""
        self._fanout.add_sink(sink)

    def remove_sink(self, sink: Sink) -> bool:
        """Send a sink no more frames; return False if it has failed and was aborted before."""
        return self._fanout.remove_sink(sink)

    def has_sink(self, sink: Sink) -> bool:
        """Return True if a sink gets frames: it was neither removed nor has it failed."""
        return sink in self._fanout.sinks

    def stop(self) -> None:
        """End the run in order: frames in flight are finished. Any thread or signal handler."""
        self._stages.stop()

    def run(self) -> Stats:
        """Run until the source ends, a sink ends the run, or `stop` is called.

        Raises:
            Exception: what ended the run, unchanged, after the threads have ended.
        """
        try:
            self._stages.run(
                self._write_all, control=self._serve_controls if self._on_control_tick else None
            )
        finally:
            self.components.close()
        return self.stats

    def _serve_controls(self) -> None:
        while self._on_control_tick and not self._stages.ended.wait(TICK_S):
            try:
                self._on_control_tick()
            except Exception as exc:
                self._errors.record_or_raise("controls", exc, has_worked=True)

    def _infer(self, frame: Frame) -> Mask | None:
        """Return the mask of `frame`; None if it gets none. For the inference thread."""
        if self.is_blanked or self.is_frozen:  # the mask is not used; "exact" needs the frame
            return NO_MASK if self._is_exact else None
        is_soon = frame.index - self._inferred_index < self.inference_interval
        if self._has_inferred and is_soon:
            return None
        self._inferred_index = frame.index
        try:
            segmenter = self.components.activate_segmenter()
            mask = compute_mask(frame, segmenter, self.components.refiners, self._meter)
        except Exception as exc:
            self._errors.record_or_raise("model", exc, has_worked=self._has_inferred)
            return None
        self._has_inferred = True
        return mask

    def _write_all(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Send the next frame, or wait `TICK_S` for one; False at the end of the stream."""
        queue = self._stages.masked if self._is_exact else self._stages.shown
        if self._on_frame_tick:
            self._on_frame_tick()
        self._send_first_blank()
        if not queue.wait_ready(TICK_S) and not queue.has_ended:
            self._send_fallback_if_due()
            return True
        frame = self._next_masked_frame() if self._is_exact else self._next_shown_frame()
        if frame is None:
            return False
        self._send_frame(frame)
        return True

    def _send_first_blank(self) -> None:
        """Send a blank frame as soon as the run is blanked, without waiting for a frame."""
        was_blanked, self._was_blanked = self._was_blanked, self.is_blanked
        if self._was_blanked and not was_blanked:
            self._send_fallback(self._fanout.pts, self._clock())

    def _next_masked_frame(self) -> Frame | None:
        self._gate.latest = next(self._masks, None)
        return self._gate.latest and self._gate.latest[0]

    def _next_shown_frame(self) -> Frame | None:
        """Return the next frame, or a newer one where it is late; collect the latest mask."""
        shown = self._stages.shown
        frame = next(iter(shown), None)
        while frame and len(shown) and self._is_late(frame):
            self._errors.count("too late")
            frame = next(iter(shown), None)
        if frame is not None:
            self._collect_masks(frame)
        return frame

    def _is_late(self, frame: Frame) -> bool:
        return self._clock() - frame.captured_at > self._live.max_latency_s

    def _collect_masks(self, frame: Frame) -> None:
        """Take the latest mask; wait for the very first, and for that of a quick model."""
        gate, masked = self._gate, self._stages.masked
        patience_s = self._stages.compute_patience_s() if self.inference_interval == 1 else 0.0
        patience_s = FIRST_MASK_S if gate.latest is None else patience_s
        while masked.wait_ready(patience_s if is_mask_older(gate.latest, frame) else 0):
            gate.latest = next(self._masks)
        if masked.has_ended:
            next(self._masks, None)  # raises what ended the inference thread

    def _send_frame(self, frame: Frame) -> None:
        """Send `frame` under its mask, or the fallback frame instead."""
        shown = None if self.is_frozen or self.is_blanked else self._apply_effects(frame)
        if shown is None:
            self._send_fallback(frame.pts, frame.captured_at)
        else:
            self._shown_at = self._clock()
            self._has_shown = True
            self._send(shown, is_blank=False)

    def _apply_effects(self, frame: Frame) -> Frame | None:
        """Return what may be shown of `frame`, None if nothing may."""
        masked = self._gate.find_mask(frame)
        if masked is None:
            self._errors.count("no valid mask")
            return None
        self._meter.add("mask age", max(0.0, compute_mask_age_s(masked, frame)))
        mask = masked[1]
        try:
            with self._meter.time("effects"):
                shown = apply_effects(self.components.effects, frame, mask)
                shown = blacken_transparent(shown)
        except Exception as exc:
            self._errors.record_or_raise("effects", exc, has_worked=self._has_shown)
            return None
        self._fallback.update(shown, frame, mask)
        return shown

    def _send_fallback_if_due(self) -> None:
        """Send the fallback frame when a frame is due and none comes."""
        now = self._clock()
        waited_s = now - self._fanout.sent_at
        is_due = waited_s >= 1 / (self._info.rate or _DEFAULT_RATE)
        is_missed = self.is_blanked or now - self._shown_at > self._live.hold_after_s
        if self._info.is_live and is_due and is_missed:
            waited = Fraction(round(waited_s * 1e6), 1_000_000)
            self._send_fallback(self._fanout.pts + waited, now)

    def _send_fallback(self, pts: Fraction, captured_at: float) -> None:
        is_blank = self.is_blanked  # read once: it may change at any moment
        kind: FallbackKind | None = "last" if self.is_frozen else None
        kind = "background" if is_blank else kind
        self._errors.fallback_frames += 1
        shown = (
            self._fallback.plain
            if is_blank and self._shows_screen()
            else self._fallback.make(self.components.effects, pts, kind=kind)
        )
        self._send(replace(shown, pts=pts, captured_at=captured_at), is_blank=is_blank)

    def _shows_screen(self) -> bool:
        """Return True if the background is a screen, which a blank frame must not show."""
        effects = self.components.effects
        return any(isinstance(each, ShowsScreen) and each.shows_screen for each in effects)

    def _send(self, shown: Frame, *, is_blank: bool) -> None:
        with self._meter.time("sinks"):
            shown = self._fanout.send(shown, is_blank=is_blank, has_worked=self._has_shown)
        self._meter.count_frame(shown.captured_at)
        if self._on_frame:
            self._on_frame(shown)
