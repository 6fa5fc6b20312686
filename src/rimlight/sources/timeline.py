"""Exact presentation times for a stream, also where the container has gaps or jumps."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 1
"""Going back further than this is a new start of the clock, less is a frame out of place."""


class Timeline:
    """Turns the time stamps of decoded frames into rising seconds.

    Stamps that rise, as in every healthy file, come out untouched: `pts * time_base`.

    Args:
        time_base: seconds per tick, from the container.
        rate: frames a second, for frames without a stamp; None counts them a tick apart.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base))) if rate else 1
        self._shift = 0
        self._last: int | None = None

    def at(self, pts: int | None, dts: int | None) -> Fraction:
        """Return the time of the next frame in seconds, a multiple of the time base.

        Args:
            pts: its presentation stamp in ticks, if it has one.
            dts: its decoding stamp, used when there is no other.
        """
        stamp = pts if pts is not None else dts
        self._last = self._tick(stamp)
        return self._last * self._time_base

    def _tick(self, stamp: int | None) -> int:
        if self._last is None:
            return stamp or 0
        if stamp is None:
            return self._last + self._step
        tick = stamp + self._shift
        if tick > self._last:
            return tick
        if (self._last - tick) * self._time_base < _JUMP_S:
            return self._last + 1
        self._shift += self._last + self._step - tick
        return self._last + self._step
