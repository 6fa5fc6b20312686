"""Events in a drive, by rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from rimlight.core.options import Options

END_AFTER_S = 0.4
"""An event ends when its rule has not held for this long: one stray frame does not cut it."""


class Rule(Options):
    """When something is an event."""

    name: Annotated[str, Field(min_length=1)]
    measure: Annotated[str, Field(min_length=1)]
    above: float | None = None
    below: float | None = None
    falls_to: Annotated[float | None, Field(gt=0, lt=1)] = None
    within_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    for_s: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _one_limit(self) -> Rule:
        if sum(limit is not None for limit in (self.above, self.below, self.falls_to)) != 1:
            raise ValueError("a rule needs one of above, below and falls_to")
        return self


class Rules(Options):
    """All rules of a report."""

    rules: tuple[Rule, ...] = ()


@dataclass
class Event:
    """Something that happened; times in seconds of the drive.

    Attributes:
        name: the rule's.
        start_s: when the rule began to hold.
        end_s: when it last held.
        peak_s: when it held most.
        peak: the measure then.
    """

    name: str
    start_s: float
    end_s: float
    peak_s: float
    peak: float


class Watch:
    """Follows one rule through a drive."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = False
        self._event: Event | None = None
        self._past: deque[tuple[float, float]] = deque()

    def step(self, at_s: float, measures: Mapping[str, float]) -> tuple[Event | None, bool]:
        """Take in one frame.

        Returns:
            The event that is over now, if any, and whether this frame is the peak of one.
        """
        value = measures.get(self.rule.measure)
        if value is None and self.rule.measure.startswith("count.") and "count.all" in measures:
            value = 0.0  # the model counts, and there is none of these
        if value is None:
            return None, False
        self.seen = True
        if self._holds(at_s, value):
            return None, self._go_on(at_s, value)
        if self._event and at_s - self._event.end_s > END_AFTER_S:
            return self.finish(), False
        return None, False

    def finish(self) -> Event | None:
        """Return the event under way, if it has lasted long enough, and forget it."""
        event, self._event = self._event, None
        lasted = event is not None and event.end_s - event.start_s >= self.rule.for_s
        return event if lasted else None

    def _go_on(self, at_s: float, value: float) -> bool:
        event = self._event
        if event is None:
            self._event = Event(self.rule.name, at_s, at_s, at_s, value)
            return True
        event.end_s = at_s
        better = value > event.peak if self.rule.above is not None else value < event.peak
        if better:
            event.peak, event.peak_s = value, at_s
        return better

    def _holds(self, at_s: float, value: float) -> bool:
        if self.rule.above is not None:
            return value > self.rule.above
        if self.rule.below is not None:
            return value < self.rule.below
        while self._past and self._past[0][0] < at_s - self.rule.within_s:
            self._past.popleft()
        before = max((past for _, past in self._past), default=0.0)
        self._past.append((at_s, value))
        return before > 0 and value <= (self.rule.falls_to or 0) * before
