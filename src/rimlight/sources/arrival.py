"""Times of a live stream: when its frames arrive, smoothed by its own clock while that is right."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

TIME_BASE = Fraction(1, 1_000_000)
"""The unit of the times."""

STEP = Fraction(1, 1000)
"""The least time from one frame to the next: what Matroska can still tell apart."""

_WINDOW_S = 1.0
_MIN_FRAMES = 4
_TOLERANCE = 0.1
"""The stream's clock is believed once it agrees with ours by so much, over that time."""

_SETTLING_S = 60.0
"""How slowly the stream's clock is moved to ours: two clocks differ by a second in hours."""


class ArrivalTimes:
    """Gives each frame its time, in seconds after the first one.

    Many streams have a clock that is wrong: it begins at ten hours, jumps, or counts 25 frames a
    second whatever comes. Where a stream's clock and ours agree, its stamps are the better times,
    because they know nothing of delays on the way. A difference of `slack_s` is a new start.

    Args:
        slack_s: seconds by which frames may come late or early.
        is_trusted: believe the stream's clock from the start.
    """

    def __init__(self, slack_s: float = 1.0, *, is_trusted: bool = False) -> None:
        self._slack_s = slack_s
        self._is_trusted = is_trusted
        self._start: float | None = None
        self._offset = 0.0
        self._before: deque[tuple[float, float]] = deque()
        self._last = Fraction(-1)

    def at(self, stamp: Fraction, arrived: float) -> Fraction:
        """Return the time of the next frame, a multiple of `TIME_BASE`.

        Args:
            stamp: by the stream's clock, in seconds.
            arrived: by ours, in monotonic seconds.
        """
        if self._start is None:
            self._start, self._offset = arrived, -float(stamp)
        time_s = self._time_s(float(stamp), arrived - self._start)
        exact = Fraction(round(time_s / TIME_BASE)) * TIME_BASE
        self._last = max(exact, self._last + STEP if self._last >= 0 else Fraction(0))
        return self._last

    def _time_s(self, stamp_s: float, elapsed_s: float) -> float:
        step_s = elapsed_s - self._before[-1][1] if self._before else 0.0
        self._remember(stamp_s, elapsed_s)
        if self._is_trusted:
            late_s = elapsed_s - (stamp_s + self._offset)
            if abs(late_s) <= self._slack_s:
                self._offset += late_s * min(1.0, step_s / _SETTLING_S)
                return stamp_s + self._offset
            self._is_trusted = False
            self._before.clear()
        elif self._agrees():
            self._is_trusted, self._offset = True, elapsed_s - stamp_s
        return elapsed_s

    def _remember(self, stamp_s: float, elapsed_s: float) -> None:
        before = self._before
        before.append((stamp_s, elapsed_s))
        while len(before) > _MIN_FRAMES and before[1][1] <= elapsed_s - _WINDOW_S:
            before.popleft()

    def _agrees(self) -> bool:
        """Return True if the stream's clock and ours went on by the same time lately."""
        stamps_s, ours_s = (self._before[-1][i] - self._before[0][i] for i in (0, 1))
        return ours_s >= _WINDOW_S and abs(stamps_s - ours_s) <= _TOLERANCE * ours_s
