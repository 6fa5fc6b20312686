"""Rules that define the events of a drive, and their monitors."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from rimlight.core.options import Options

END_AFTER_S = 0.4
"""An event ends after its rule was not met for this long, so a stray frame does not split it."""


class Rule(Options):
    """The condition of an event on one metric of the frames.

    Attributes:
        name: the name of the event in the report.
        metric: the metric that is monitored.
        above: the event lasts while the metric is above this.
        below: the event lasts while the metric is below this.
        falls_to: the event starts when the metric falls to this share of its value.
        within_s: with falls_to: seconds within which it falls.
        for_s: seconds that the condition must hold.
    """

    name: Annotated[str, Field(min_length=1)]
    metric: Annotated[str, Field(min_length=1)]
    above: float | None = None
    below: float | None = None
    falls_to: Annotated[float | None, Field(gt=0, lt=1)] = None
    within_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    for_s: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _check_limits(self) -> Rule:
        if sum(limit is not None for limit in (self.above, self.below, self.falls_to)) != 1:
            raise ValueError("a rule needs exactly one of above, below and falls_to")
        return self


class Rules(Options):
    """The rules of a report."""

    rules: tuple[Rule, ...] = ()


@dataclass
class Event:
    """A stretch in which a rule was met; times are in seconds of the drive.

    Attributes:
        name: of the rule.
        start_s: the first time that the rule was met.
        end_s: the last time.
        peak_s: the time of the extreme value.
        peak: the extreme value of the metric.
    """

    name: str
    start_s: float
    end_s: float
    peak_s: float
    peak: float


class RuleMonitor:
    """Evaluates one rule over the frames of a drive."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.has_data = False
        self._event: Event | None = None
        self._past: deque[tuple[float, float]] = deque()

    def update(self, at_s: float, measures: Mapping[str, float]) -> tuple[Event | None, bool]:
        """Evaluate the rule for one frame.

        Returns:
            The event that has ended, if any, and whether this frame is the peak of one.
        """
        value = measures.get(self.rule.metric)
        if value is None and self.rule.metric.startswith("count.") and "count.all" in measures:
            value = 0.0  # the model counts objects and found none of these
        if value is None:
            return None, False
        self.has_data = True
        if self._is_met(at_s, value):
            return None, self._extend_event(at_s, value)
        if self._event and at_s - self._event.end_s > END_AFTER_S:
            return self.finish(), False
        return None, False

    def finish(self) -> Event | None:
        """End the current event; return it if it lasted long enough."""
        event, self._event = self._event, None
        lasted = event is not None and event.end_s - event.start_s >= self.rule.for_s
        return event if lasted else None

    def _extend_event(self, at_s: float, value: float) -> bool:
        event = self._event
        if event is None:
            self._event = Event(self.rule.name, at_s, at_s, at_s, value)
            return True
        event.end_s = at_s
        is_peak = value > event.peak if self.rule.above is not None else value < event.peak
        if is_peak:
            event.peak, event.peak_s = value, at_s
        return is_peak

    def _is_met(self, at_s: float, value: float) -> bool:
        if self.rule.above is not None:
            return value > self.rule.above
        if self.rule.below is not None:
            return value < self.rule.below
        while self._past and self._past[0][0] < at_s - self.rule.within_s:
            self._past.popleft()
        before = max((past for _, past in self._past), default=0.0)
        self._past.append((at_s, value))
        return before > 0 and value <= (self.rule.falls_to or 0) * before
