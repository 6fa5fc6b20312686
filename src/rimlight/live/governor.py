"""Holds a run to a share of the processor, or to a rate, by giving up quality step by step."""

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

LOOK_EVERY_S = 2.0
"""One look is a mean over this time."""

DOWN_AFTER, UP_AFTER = 2, 5
"""Looks in a row that must agree before a step; up takes longer, so that it does not swing."""

COMFORT = 0.7
"""A step up needs the processor's share to be below this part of its limit."""

SLACK = 0.95
"""A rate below this part of the wanted one is too slow."""

_ON_THE_WAY = 1
"""Frames of a look that may come in it and go out in the next one."""

LONGEST_WAIT = 60
"""Looks before a step up that has failed before is tried again, at most."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that can be given up.

    Attributes:
        what: for people, such as "refinement".
        give_up: does it.
        take_back: undoes it.
        helps: says whether there is anything to give up now.
    """

    what: str
    give_up: Callable[[], None]
    take_back: Callable[[], None]
    helps: Callable[[], bool] = lambda: True


class Governor:
    """Walks down the ladder while too much is asked of the machine, and up when there is room.

    Args:
        steps: what to give up, in this order.
        frames: how many frames have gone out, with pictures of their own.
        cpu: seconds of processor time used; `time.process_time`.
        clock: monotonic seconds.
        most_cpu: the share of one processor that may be used, 0.4 for 40 %; None for any.
        least_fps: frames a second that are wanted; None for any.
        came: how many frames the source has given; what does not come cannot go out. None if
            that is not known.
        idle: says whether nothing can be judged, as nobody wants pictures or there are none.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        frames: Callable[[], int],
        *,
        most_cpu: float | None = None,
        least_fps: float | None = None,
        came: Callable[[], int] | None = None,
        cpu: Callable[[], float] = time.process_time,
        idle: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = steps
        self._idle = idle
        self._sources = (clock, cpu, frames, came or (lambda: 0))
        self._knows_came = came is not None
        self._clock = clock
        self._most_cpu = most_cpu
        self._least_fps = least_fps
        self._before = self._counted()
        self._next = 0
        self._given_up: list[int] = []
        self._strained = self._calm = 0
        self._patience = UP_AFTER
        self._climbed_at = float("-inf")
        self._possible_fps = math.inf
        self.share = 0.0
        """Of one processor, in the last look."""
        self.fps = 0.0
        """Frames a second in the last look."""

    @property
    def given_up(self) -> tuple[str, ...]:
        """What is given up now."""
        return tuple(self._steps[index].what for index in self._given_up)

    def poll(self) -> None:
        """Look, if it is time to, and take a step if it must be."""
        if self._clock() - self._before[0] < LOOK_EVERY_S:
            return
        now = self._counted()
        seconds, cpu_s, frames, came = (b - a for a, b in zip(self._before, now, strict=True))
        self._before = now
        self.share, self.fps = cpu_s / seconds, frames / seconds
        self._possible_fps = (came - _ON_THE_WAY) / seconds if self._knows_came else math.inf
        if self._idle():
            self._strained = self._calm = 0
        else:
            self._judge()

    def _counted(self) -> tuple[float, ...]:
        return tuple(source() for source in self._sources)

    def _judge(self) -> None:
        strained = self._is_strained()
        self._strained = self._strained + 1 if strained else 0
        self._calm = self._calm + 1 if self._is_calm() else 0
        if self._strained >= DOWN_AFTER and self._next < len(self._steps):
            self._down()
        elif self._calm >= self._patience and self._given_up:
            self._up()

    def _is_strained(self) -> bool:
        too_much = self._most_cpu is not None and self.share > self._most_cpu
        if self._least_fps is None:
            return too_much
        return too_much or self.fps < SLACK * min(self._least_fps, self._possible_fps)

    def _is_calm(self) -> bool:
        room = self._most_cpu is None or self.share < COMFORT * self._most_cpu
        return room and not self._is_strained()

    def _down(self) -> None:
        looks = (self._clock() - self._climbed_at) / LOOK_EVERY_S
        if looks <= self._patience:  # the last step up was one too many: wait longer next time
            self._patience = min(2 * self._patience, LONGEST_WAIT)
        self._strained = self._calm = 0
        while self._next < len(self._steps):
            index, self._next = self._next, self._next + 1
            if self._done(partial(_give_up, self._steps[index])):
                self._given_up.append(index)
                log.warning("%s: goes on without %s", self._said(), self._steps[index].what)
                return

    def _up(self) -> None:
        self._strained = self._calm = 0
        self._climbed_at = self._clock()
        step = self._steps[self._given_up[-1]]
        if self._done(partial(_take_back, step)):
            self._next = self._given_up.pop()
            log.warning("%s: takes up %s again", self._said(), step.what)

    def _said(self) -> str:
        return f"{self.share:.0%} of a processor, {self.fps:.0f} frames a second"

    @staticmethod
    def _done(change: Callable[[], bool]) -> bool:
        """Make a change; False if it cannot be made, such as a model that is gone."""
        try:
            return change()
        except RimlightError as exc:
            log.warning("the governor cannot change that: %s", exc)
            return False


def _give_up(step: Step) -> bool:
    if not step.helps():
        return False
    step.give_up()
    return True


def _take_back(step: Step) -> bool:
    step.take_back()
    return True


def ladder(
    pipeline: LivePipeline,
    needed: Sequence[Refiner],
    *,
    lighter: Step | None = None,
    smaller: Step | None = None,
) -> tuple[Step, ...]:
    """Return what a live run can do without, the least missed first.

    Args:
        pipeline: the run.
        needed: the refiners that must stay, as they say who and what is seen.
        lighter: changes to a smaller model.
        smaller: takes smaller pictures from the camera.
    """
    every_one = tuple(pipeline.refiners)

    def masks(what: str, before: int, after: int) -> Step:
        def every(count: int) -> None:
            pipeline.mask_every = count

        return Step(what, partial(every, after), partial(every, before), shared)

    def shared() -> bool:
        return pipeline.shares_masks

    refinement = Step(
        "refinement",
        partial(pipeline.swap_refiners, needed),
        partial(pipeline.swap_refiners, every_one),
        lambda: len(needed) < len(every_one),
    )
    blur = Step(
        "a blur that keeps up",
        partial(pipeline.set_reduced_rate, on=True),
        partial(pipeline.set_reduced_rate, on=False),
        lambda: pipeline.can_ease,
    )
    steps = (
        masks("the mask of every 2nd frame", 1, 2),
        lighter,
        refinement,
        blur,
        masks("two masks of three", 2, 3),
        masks("three masks of four", 3, 4),
        smaller,
    )
    return tuple(step for step in steps if step is not None)


def smaller_pictures(source: Source) -> Step | None:
    """Return the step that takes smaller pictures from a camera, None for what is no camera."""
    if not isinstance(source, SupportsDownscaling):
        return None
    return Step(
        "the camera's full size",
        partial(source.set_downscaled, on=True),
        partial(source.set_downscaled, on=False),
        source.can_downscale,
    )
