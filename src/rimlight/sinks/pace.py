"""When a sink with a steady rate has its turns: the arithmetic, without clock or thread."""

from __future__ import annotations

MAX_DRIFT = 0.005
"""The most by which intervals differ from the rate: 0.15 frames a second of 30."""

MIN_WAIT = 0.15
"""How long, in intervals, a frame should have waited for its turn: less, and some would miss it."""

MAX_BEHIND = 10
"""Intervals that are made up for by turns without a wait; what is more is given up."""


class FramePacer:
    """Turns at a constant rate, which drift, within `MAX_DRIFT`, to just after the frames arrive.

    Args:
        rate: turns a second.
        now_s: when the first turn is; as all times here, by one clock of the caller's.
    """

    def __init__(self, rate: float, now_s: float) -> None:
        self._interval_s = 1 / rate
        self._due_s = now_s

    def advance(self, now_s: float) -> float:
        """Go on to the next turn, and return how long it is until then; 0.0 when it is late."""
        earliest_s = now_s - MAX_BEHIND * self._interval_s
        self._due_s = max(self._due_s + self._interval_s, earliest_s)
        return max(0.0, self._due_s - now_s)

    def adjust(self, put_s: float, *, is_new: bool) -> None:
        """Let the turns after this one come a little later or sooner, as the frames come.

        Args:
            put_s: when the newest frame came.
            is_new: it came since the turn before.
        """
        waited = (self._due_s - put_s) / self._interval_s
        if waited > 2:  # no frames come: there is nothing to follow
            return
        is_early = not is_new or waited < MIN_WAIT
        self._due_s += (MAX_DRIFT if is_early else -MAX_DRIFT) * self._interval_s
