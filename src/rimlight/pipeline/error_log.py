"""What went wrong in a live run and was survived."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from rimlight.core.addresses import hide_secrets_in

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of a run up to now.

    Attributes:
        counts: how often, by stage.
        held: holding pictures that were sent.
        last: the newest error's text, "" for none.
    """

    counts: dict[str, int]
    held: int
    last: str


class FaultLog:
    """Counts faults, and decides whether the run goes on."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last = ""
        self.held = 0
        """Holding pictures that were sent."""

    @property
    def faults(self) -> Faults:
        """What there was up to now."""
        return Faults(dict(self._counts), self.held, self._last)

    def count(self, what: str) -> None:
        """Count something that is no error of a part."""
        self._counts[what] += 1

    def survive(self, stage: str, exc: Exception, *, worked: bool) -> None:
        """Count `exc` and go on, if that stage has `worked` before; else raise it."""
        if not worked:
            raise exc
        text = hide_secrets_in(f"{stage}: {exc}")
        if text != self._last:  # a fault of every frame is said once
            log.warning("goes on after an error in the %s", text)
        self._counts[stage] += 1
        self._last = text
