"""Keeps a run within limits of CPU use or frame rate by reducing quality step by step."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rimlight.core.errors import RimlightError
from rimlight.core.protocols import Refiner, Source, SupportsDownscaling
from rimlight.pipeline.live import LivePipeline

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 2.0
"""Each check averages over this time."""

DOWN_AFTER, UP_AFTER = 2, 5
"""Consecutive checks that must agree before a step; up takes longer, to avoid oscillation."""

UP_SHARE = 0.7
"""A step up needs the CPU use to be below this fraction of its limit."""

MIN_RATE_SHARE = 0.95
"""A rate below this fraction of the required one is too slow."""

_IN_FLIGHT = 1
"""Frames that may come in during one check interval and go out in the next."""

MAX_PATIENCE = 60
"""Maximum number of checks before a step up that has failed is tried again."""


@dataclass(frozen=True, slots=True)
class QualityStep:
    """One step of the quality ladder.

    Attributes:
        name: what quality is lost, for people, such as "refinement".
        degrade: reduces the quality.
        restore: undoes it.
        can_degrade: returns True if there is anything to reduce now.
    """

    name: str
    degrade: Callable[[], None]
    restore: Callable[[], None]
    can_degrade: Callable[[], bool] = lambda: True


class Governor:
    """Steps down the quality ladder while a limit is exceeded, and up when there is room.

    Args:
        steps: the quality ladder, the first to degrade first.
        count_output: returns the frames that were sent, without fallback frames.
        get_cpu_s: returns the CPU time used; `time.process_time`.
        clock: monotonic seconds.
        max_cpu: maximum share of one core, 0.4 for 40 %; None for no limit.
        min_fps: required frames per second; None for no limit.
        count_input: returns the frames that the source has delivered, which limit the output;
            None if that is not known.
        is_idle: returns True if nothing can be measured, e.g. while the output is blanked.
    """

    def __init__(
        self,
        steps: Sequence[QualityStep],
        count_output: Callable[[], int],
        *,
        max_cpu: float | None = None,
        min_fps: float | None = None,
        count_input: Callable[[], int] | None = None,
        get_cpu_s: Callable[[], float] = time.process_time,
        is_idle: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = steps
        self._is_idle = is_idle
        self._counters = (clock, get_cpu_s, count_output, count_input or (lambda: 0))
        self._counts_input = count_input is not None
        self._clock = clock
        self._max_cpu = max_cpu
        self._min_fps = min_fps
        self._before = self._read_counters()
        self._next = 0
        self._degraded: list[int] = []
        self._overloaded_checks = self._relaxed_checks = 0
        self._patience = UP_AFTER
        self._restored_at = float("-inf")
        self._possible_fps = math.inf
        self.share = 0.0
        """CPU use as a share of one core, at the last check."""
        self.fps = 0.0
        """Frames per second at the last check."""

    @property
    def max_cpu(self) -> float | None:
        """The maximum share of one core; None for no limit."""
        return self._max_cpu

    def set_max_cpu(self, share: float | None) -> None:
        """Keep another limit from the next check; None for no limit."""
        self._max_cpu = share
        self._overloaded_checks = self._relaxed_checks = 0

    def restart(self, steps: Sequence[QualityStep]) -> None:
        """Use another quality ladder, with nothing degraded."""
        self._steps, self._next, self._degraded = steps, 0, []
        self._overloaded_checks = self._relaxed_checks = 0

    def restore_all(self) -> None:
        """Undo every step."""
        while self._degraded:
            step = self._steps[self._degraded.pop()]
            self._try_to(partial(_restore, step))
        self._next = 0

    @property
    def degraded(self) -> tuple[str, ...]:
        """The names of the steps that are degraded now."""
        return tuple(self._steps[index].name for index in self._degraded)

    def poll(self) -> None:
        """Check the limits, if it is time to, and take a step if necessary."""
        if self._clock() - self._before[0] < CHECK_INTERVAL_S:
            return
        now = self._read_counters()
        seconds, cpu_s, sent, delivered = (b - a for a, b in zip(self._before, now, strict=True))
        self._before = now
        self.share, self.fps = cpu_s / seconds, sent / seconds
        self._possible_fps = (delivered - _IN_FLIGHT) / seconds if self._counts_input else math.inf
        if self._is_idle():
            self._overloaded_checks = self._relaxed_checks = 0
        else:
            self._check_limits()

    def _read_counters(self) -> tuple[float, ...]:
        return tuple(read() for read in self._counters)

    def _check_limits(self) -> None:
        is_overloaded = self._is_overloaded()
        self._overloaded_checks = self._overloaded_checks + 1 if is_overloaded else 0
        self._relaxed_checks = self._relaxed_checks + 1 if self._is_relaxed() else 0
        if self._overloaded_checks >= DOWN_AFTER and self._next < len(self._steps):
            self._degrade()
        elif self._relaxed_checks >= self._patience and self._degraded:
            self._restore()

    def _is_overloaded(self) -> bool:
        exceeds_cpu = self._max_cpu is not None and self.share > self._max_cpu
        if self._min_fps is None:
            return exceeds_cpu
        return exceeds_cpu or self.fps < MIN_RATE_SHARE * min(self._min_fps, self._possible_fps)

    def _is_relaxed(self) -> bool:
        has_room = self._max_cpu is None or self.share < UP_SHARE * self._max_cpu
        return has_room and not self._is_overloaded()

    def _degrade(self) -> None:
        checks = (self._clock() - self._restored_at) / CHECK_INTERVAL_S
        if checks <= self._patience:  # the last step up was too much: wait longer next time
            self._patience = min(2 * self._patience, MAX_PATIENCE)
        self._overloaded_checks = self._relaxed_checks = 0
        while self._next < len(self._steps):
            index, self._next = self._next, self._next + 1
            step = self._steps[index]
            if self._try_to(partial(_degrade_if_possible, step)):
                self._degraded.append(index)
                log.warning("%s: continuing without %s", self._format_use(), step.name)
                return

    def _restore(self) -> None:
        self._overloaded_checks = self._relaxed_checks = 0
        self._restored_at = self._clock()
        step = self._steps[self._degraded[-1]]
        if self._try_to(partial(_restore, step)):
            self._next = self._degraded.pop()
            log.warning("%s: restored %s", self._format_use(), step.name)

    def _format_use(self) -> str:
        return f"{self.share:.0%} of a core, {self.fps:.0f} frames per second"

    @staticmethod
    def _try_to(change: Callable[[], bool]) -> bool:
        """Make a change; return False if it fails, e.g. because a model is missing."""
        try:
            return change()
        except RimlightError as exc:
            log.warning("the governor cannot change the quality: %s", exc)
            return False


def build_quality_ladder(
    pipeline: LivePipeline,
    required: Sequence[Refiner],
    *,
    lighter_model: QualityStep | None = None,
    downscale: QualityStep | None = None,
) -> tuple[QualityStep, ...]:
    """Return the quality steps of a live run, the least visible first.

    Args:
        pipeline: the run.
        required: the refiners that select who and what is seen, and so must stay.
        lighter_model: changes to a smaller model.
        downscale: captures smaller images.
    """
    components = pipeline.components
    all_refiners = tuple(components.refiners)
    set_interval = partial(setattr, pipeline, "inference_interval")

    def make_mask_step(name: str, before: int, after: int) -> QualityStep:
        degrade, restore = partial(set_interval, after), partial(set_interval, before)
        return QualityStep(name, degrade, restore, lambda: pipeline.shares_masks)

    refinement = QualityStep(
        "refinement",
        partial(components.replace_refiners, required),
        partial(components.replace_refiners, all_refiners),
        lambda: len(required) < len(all_refiners),
    )
    blur = QualityStep(
        "a blur that keeps up",
        partial(components.set_reduced_rate, on=True),
        partial(components.set_reduced_rate, on=False),
        components.can_reduce_rate,
    )
    steps = (
        make_mask_step("the mask of every 2nd frame", 1, 2),
        lighter_model,
        refinement,
        blur,
        make_mask_step("two masks of three", 2, 3),
        make_mask_step("three masks of four", 3, 4),
        downscale,
    )
    return tuple(step for step in steps if step is not None)


def make_downscale_step(source: Source) -> QualityStep | None:
    """Return the step that captures smaller images, None if `source` cannot."""
    if not isinstance(source, SupportsDownscaling):
        return None
    return QualityStep(
        "the camera's full size",
        partial(source.set_downscaled, on=True),
        partial(source.set_downscaled, on=False),
        source.can_downscale,
    )


def _degrade_if_possible(step: QualityStep) -> bool:
    if not step.can_degrade():
        return False
    step.degrade()
    return True


def _restore(step: QualityStep) -> bool:
    step.restore()
    return True
