"""A run that lasts all day: a part may fail, the output goes on, and the room stays covered.

It differs from `Pipeline` on the caller's thread: between frames it polls the controls; where a
frame has no valid mask, or there is no frame, it sends a holding picture (see `privacy.py`). A
thread more attends to those who speak to it, so that they are heard while a sink blocks.
A part that fails before it has ever worked ends the run with its error, as in any other run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import FrameQueue
from rimlight.core.protocols import Effect, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.error_log import FaultLog, Faults
from rimlight.pipeline.fallback import NO_MASK, Holding, WhenUnsure, covers, without_hidden
from rimlight.pipeline.fanout import Fanout
from rimlight.pipeline.hot_swap import SwappablePipeline
from rimlight.pipeline.pipeline import Masked
from rimlight.pipeline.settings import LiveSettings, Settings

TICK_S = 0.01
"""How long the caller's thread waits for a frame before it looks at the controls again."""

FIRST_MASK_S = 1.0
"""A model may take this long for its first mask before the holding picture is shown."""

_USUAL_RATE = Fraction(30)


class LivePipeline(SwappablePipeline):
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
            sinks,
            refiners=refiners,
            effects=effects,
            settings=settings,
            on_frame=on_frame,
            clock=clock,
        )
        self._live = live or LiveSettings()
        self._clock = clock
        self._holding = Holding(source.info.size, self._live.fallback)
        self._newest_mask: Masked | None = None
        self._masks: Iterator[Masked] = iter(self._masked)
        self._has_masked = self._has_shown = False
        self._log = FaultLog()
        unit = source.info.time_base or Fraction(1, 1000)
        self._fanout = Fanout(sinks, self._holding.plain, self._log, unit=unit, clock=clock)
        self._safe_at = clock()
        self.poll: Callable[[], None] = _nothing
        """Called on the caller's thread between frames, and every `TICK_S` while there is none."""
        self.attend: Callable[[], None] | None = None
        """Called every `TICK_S` on a thread of its own. It may do what any thread may: `panicking`,
        `frozen`, `stop`, `stats` and `faults`."""
        self._is_covered = False
        self.frozen = False
        """Show the last safe picture."""
        self.mask_every = 1
        """Ask the model for a mask of every nth frame only; the others wear the one before."""
        self._masked_index = -1

    @property
    def panicking(self) -> bool:
        """Show the background alone, or a plain picture: nothing and nobody. Any thread."""
        return self._fanout.covered

    @panicking.setter
    def panicking(self, on: bool) -> None:
        self._fanout.covered = on

    @property
    def shares_masks(self) -> bool:
        """A frame may wear the mask of another; else one that has none is not shown."""
        return self._settings.mask_sync == "latest"

    @property
    def faults(self) -> Faults:
        """What went wrong up to now."""
        return self._log.faults

    @property
    def failures(self) -> tuple[tuple[Sink, Exception], ...]:
        """The sinks that failed while others went on, and why."""
        return self._fanout.failures

    def _tasks(self) -> dict[str, Callable[[], None]]:
        tasks = super()._tasks()
        return {**tasks, "attend": self._attend} if self.attend else tasks

    def _attend(self) -> None:
        while self.attend and not self._ended.wait(TICK_S):
            try:
                self.attend()
            except Exception as exc:
                self._log.survive("controls", exc, worked=True)

    def _attempt(self, frame: Frame) -> Mask | None:  # on the inference thread
        if self.panicking or self.frozen:  # nobody sees the mask; --sync still needs the frame
            return NO_MASK if self._settings.mask_sync == "exact" else None
        if self._has_masked and frame.index - self._masked_index < self.mask_every:
            return None
        self._masked_index = frame.index
        try:
            self._take_over()
            mask = self._mask(frame)
        except Exception as exc:
            self._log.survive("model", exc, worked=self._has_masked)
            return None
        self._has_masked = True
        return mask

    def _show(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Send the next picture, or wait `TICK_S` for one; False when there are no more."""
        own = self._settings.mask_sync == "exact"
        buffer: FrameQueue[Masked] | FrameQueue[Frame] = self._masked if own else self._shown
        self.poll()
        self._cover_at_once()
        if not buffer.wait_ready(TICK_S) and not buffer.has_ended:
            self._hold()
        elif own:
            self._newest_mask = next(self._masks, None)
            if self._newest_mask is None:
                return False
            self._present(self._newest_mask[0])
        elif (frame := self._next_frame()) is not None:
            self._catch_up(frame)
            self._present(frame)
        else:
            return False
        return True

    def _cover_at_once(self) -> None:
        """Send the cover as soon as panic is said, without waiting for a frame."""
        was_covered, self._is_covered = self._is_covered, self.panicking
        if self._is_covered and not was_covered:
            self._send_holding(self._fanout.pts, self._clock())

    def _next_frame(self) -> Frame | None:
        """Return the next frame, or a newer one where it is too late already."""
        frame = next(iter(self._shown), None)
        while frame and len(self._shown) and self._is_late(frame):
            self._log.count("too late")
            frame = next(iter(self._shown), None)
        return frame

    def _is_late(self, frame: Frame) -> bool:
        return self._clock() - frame.captured_at > self._live.max_latency_s

    def _catch_up(self, frame: Frame) -> None:
        """Take the newest mask there is; wait for the very first, and for a quick model's."""
        usual_s = self._patience_s() if self.mask_every == 1 else 0.0
        patience_s = FIRST_MASK_S if self._newest_mask is None else usual_s
        masked = self._masked
        while masked.wait_ready(patience_s if self._is_before(self._newest_mask, frame) else 0):
            self._newest_mask = next(self._masks)
        if masked.has_ended:
            next(self._masks, None)  # raises what ended the inference thread

    def _present(self, frame: Frame) -> None:
        """Send `frame` under its mask, or the holding picture in its place."""
        shown = None if self.frozen or self.panicking else self._covered(frame)
        if shown is None:
            self._send_holding(frame.pts, frame.captured_at)
        else:
            self._safe_at = self._clock()
            self._has_shown = True
            self._give(shown, is_cover=False)

    def _covered(self, frame: Frame) -> Frame | None:
        """Return what may be shown of `frame`, None if nothing may."""
        masked, oldest_s = self._newest_mask, self._settings.max_mask_age_s
        most_changed = self._live.max_scene_change
        if masked is None or not covers(masked, frame, oldest_s, most_changed=most_changed):
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

    def _without_hidden(self, shown: Frame) -> Frame:
        return without_hidden(shown)

    def _hold(self) -> None:
        """Send the holding picture when it is time for a picture and none comes."""
        now, info = self._clock(), self._source.info
        waited_s = now - self._fanout.sent_at
        is_due = waited_s >= 1 / (info.rate or _USUAL_RATE)
        is_missed = self.panicking or now - self._safe_at > self._live.hold_after_s
        if info.is_live and is_due and is_missed:
            waited = Fraction(round(waited_s * 1e6), 1_000_000)
            self._send_holding(self._fanout.pts + waited, now)

    def _send_holding(self, pts: Fraction, captured: float) -> None:
        covered = self.panicking  # asked once: it may change at any moment
        how: WhenUnsure | None = "last" if self.frozen else None
        how = "background" if covered else how
        self._log.held += 1
        picture = self._holding.picture(self._effects, pts, how=how)
        self._give(replace(picture, pts=pts, captured_at=captured), is_cover=covered)

    def _give(self, shown: Frame, *, is_cover: bool) -> None:
        with self._meter.time("sinks"):
            shown = self._fanout.send(shown, is_cover=is_cover, worked=self._has_shown)
        self._meter.frame_done(shown.captured_at)
        if self._on_frame:
            self._on_frame(shown)


def _nothing() -> None:
    """Poll no controls."""
