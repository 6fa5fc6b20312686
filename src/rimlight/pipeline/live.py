"""A run that lasts all day: a part may fail, the output goes on, and the room stays covered.

It differs from `Pipeline` on the caller's thread: between frames it polls the controls; where a
frame has no valid mask, or there is no frame, it sends a holding picture (see `privacy.py`).
A part that fails before it has ever worked ends the run with its error, as in any other run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from rimlight.buffer import FrameBuffer, Policy
from rimlight.errors import StopStream
from rimlight.frame import Frame, Mask
from rimlight.pipeline.faults import FaultLog, Faults
from rimlight.pipeline.parts import Effect, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.privacy import Holding, WhenUnsure, covers
from rimlight.pipeline.runner import Masked, Pipeline, Settings

TICK_S = 0.01
"""How long the caller's thread waits for a frame before it looks at the controls again."""

FIRST_MASK_S = 1.0
"""A model may take this long for its first mask before the holding picture is shown."""

_USUAL_RATE = Fraction(30)
_SWAPS = 8


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a live run promises.

    Attributes:
        when_unsure: what is shown while no frame may be.
        hold_after_s: from this long without a new frame on, that is shown too.
        max_latency_s: a frame older than this is left out when a newer one is there.
    """

    when_unsure: WhenUnsure = "last"
    hold_after_s: float = 0.5
    max_latency_s: float = 0.1


class LivePipeline(Pipeline):
    """Runs until the source ends or `stop`; see the module's own text."""

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            source,
            segmenter,
            list(sinks),
            refiners=refiners,
            effects=effects,
            settings=settings,
            on_frame=on_frame,
            clock=clock,
        )
        self._live = live or LiveSettings()
        self._clock = clock
        self._holding = Holding(source.info.size, self._live.when_unsure)
        self._next_segmenters: FrameBuffer[Segmenter] = FrameBuffer(_SWAPS, Policy.WAIT)
        self._newest_mask: Masked | None = None
        self._masks: Iterator[Masked] = iter(self._masked)
        self._has_masked = self._has_shown = False
        self._log = FaultLog()
        self._index, self._pts = -1, Fraction(-1)
        self._safe_at = self._sent_at = clock()
        self.poll: Callable[[], None] = _nothing
        """Called on the caller's thread between frames, and every `TICK_S` while there is none."""
        self._is_covered = False
        self.frozen = False
        """Show the last safe picture."""
        self.panicking = False
        """Show the background alone, or a plain picture: nothing and nobody."""
        self.mask_every = 1
        """Ask the model for a mask of every nth frame only; the others wear the one before."""
        self._masked_index = -1

    @property
    def refiners(self) -> Sequence[Refiner]:
        """What improves masks now."""
        return self._refiners

    @property
    def faults(self) -> Faults:
        """What went wrong up to now."""
        return self._log.faults

    def swap_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Use other effects from the next frame on; return the old ones, to be closed."""
        old, self._effects = self._effects, effects
        return old

    def swap_refiners(self, refiners: Sequence[Refiner]) -> None:
        """Improve masks by these from the next mask on."""
        self._refiners = tuple(refiners)

    def swap_segmenter(self, segmenter: Segmenter) -> None:
        """Use another model from its next frame on; the run closes the old one."""
        self._next_segmenters.put(segmenter)

    def _attempt(self, frame: Frame) -> Mask | None:  # on the inference thread
        self._take_over()
        if self._has_masked and frame.index - self._masked_index < self.mask_every:
            return None
        self._masked_index = frame.index
        try:
            mask = self._mask(frame)
        except Exception as exc:
            self._log.survive("model", exc, worked=self._has_masked)
            return None
        self._has_masked = True
        return mask

    def _take_over(self) -> None:
        while len(self._next_segmenters):
            self._segmenter.close()
            self._segmenter = next(iter(self._next_segmenters))

    def _show(self) -> None:
        own = self._settings.masks == "own"
        buffer: FrameBuffer[Masked] | FrameBuffer[Frame] = self._masked if own else self._shown
        while True:
            self.poll()
            self._cover_at_once()
            if not buffer.wait_ready(TICK_S) and not buffer.ended:
                self._hold()
            elif own:
                self._newest_mask = next(self._masks, None)
                if self._newest_mask is None:
                    return
                self._present(self._newest_mask[0])
            elif (frame := self._next_frame()) is not None:
                self._catch_up(frame)
                self._present(frame)
            else:
                return

    def _cover_at_once(self) -> None:
        """Send the cover as soon as panic is said, without waiting for a frame."""
        if self.panicking and not self._is_covered:
            self._send_holding(self._pts, self._clock())
        self._is_covered = self.panicking

    def _next_frame(self) -> Frame | None:
        """Return the next frame, or a newer one where it is too late already."""
        frame = next(iter(self._shown), None)
        while frame and len(self._shown) and self._is_late(frame):
            self._log.count("too late")
            frame = next(iter(self._shown), None)
        return frame

    def _is_late(self, frame: Frame) -> bool:
        return self._clock() - frame.captured > self._live.max_latency_s

    def _catch_up(self, frame: Frame) -> None:
        """Take the newest mask there is; wait for the very first, and for a quick model's."""
        usual_s = self._patience_s() if self.mask_every == 1 else 0.0
        patience_s = FIRST_MASK_S if self._newest_mask is None else usual_s
        while self._masked.wait_ready(patience_s if self._is_behind(frame) else 0):
            self._newest_mask = next(self._masks)
        if self._masked.ended:
            next(self._masks, None)  # raises what ended the inference thread

    def _is_behind(self, frame: Frame) -> bool:
        return self._newest_mask is None or self._newest_mask[0].index < frame.index

    def _present(self, frame: Frame) -> None:
        """Send `frame` under its mask, or the holding picture in its place."""
        shown = None if self.frozen or self.panicking else self._covered(frame)
        if shown is None:
            self._send_holding(frame.pts, frame.captured)
        else:
            self._safe_at = self._clock()
            self._has_shown = True
            self._send(self._stamped(shown, shown.pts))

    def _covered(self, frame: Frame) -> Frame | None:
        """Return what may be shown of `frame`, None if nothing may."""
        masked = self._newest_mask
        if masked is None or not covers(masked, frame, self._settings.max_mask_age_s):
            self._log.count("no valid mask")
            return None
        self._meter.add("mask age", max(0.0, self._age_s(masked, frame)))
        try:
            shown = self._applied(frame, masked[1])
        except Exception as exc:
            self._log.survive("effects", exc, worked=self._has_shown)
            return None
        self._holding.remember(shown, frame, masked[1])
        return shown

    def _hold(self) -> None:
        """Send the holding picture when it is time for a picture and none comes."""
        now, info = self._clock(), self._source.info
        is_due = now - self._sent_at >= 1 / (info.rate or _USUAL_RATE)
        is_missed = self.panicking or now - self._safe_at > self._live.hold_after_s
        if info.is_live and is_due and is_missed:
            elapsed_us = round((now - self._sent_at) * 1e6)
            self._send_holding(self._pts + Fraction(elapsed_us, 1_000_000), now)

    def _send_holding(self, pts: Fraction, captured: float) -> None:
        how: WhenUnsure | None = "background" if self.panicking else None
        how = "last" if self.frozen and not self.panicking else how
        self._log.held += 1
        picture = self._holding.picture(self._effects, pts, how=how)
        self._send(self._stamped(replace(picture, captured=captured), pts))

    def _stamped(self, frame: Frame, pts: Fraction) -> Frame:
        """Give the picture a place after the one before: holding pictures lie in between."""
        unit = self._source.info.time_base or Fraction(1, 1000)
        index, pts = max(frame.index, self._index + 1), max(pts, self._pts + unit)
        self._index, self._pts, self._sent_at = index, pts, self._clock()
        is_there = (frame.index, frame.pts) == (index, pts)
        return frame if is_there else replace(frame, index=index, pts=pts)

    def _send(self, shown: Frame) -> None:
        """Write to every sink; one that fails is left out from then on, if another remains."""
        with self._meter.time("sinks"):
            for sink in tuple(self._sinks):
                try:
                    sink.write(shown)
                except StopStream:
                    raise
                except Exception as exc:
                    others = [each for each in self._sinks if each is not sink]
                    self._log.survive("sinks", exc, worked=self._has_shown and bool(others))
                    self._sinks = others
        self._meter.frame_done(shown.captured)
        if self._on_frame:
            self._on_frame(shown)


def _nothing() -> None:
    """Poll no controls."""
