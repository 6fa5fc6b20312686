"""Where a recording's clock starts again, and the shifts that keep its time rising.

Files that are glued together, and transport streams whose clock wraps, restart their time stamps
in the middle. Pictures and sound are read by two readers; both find the same seams here, in the
packets of the pictures, so both are shifted by the same amount.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from rimlight.system.av import av

FALL_S = Fraction(1)
"""Stamps that fall by more than this restart the clock; less is a packet out of place."""

LEAP_S = Fraction(10)
"""In formats whose clock may jump, stamps that rise by more than this restart it too."""

FALLBACK_TICK = Fraction(1, 90_000)
_NOTIMESTAMPS, _TS_DISCONT = 0x0080, 0x0200  # AVFMT_ flags of FFmpeg
_FAR_TOO_MANY = 100


class Seams:
    """Finds the seams of one picture stream; give it every packet in the order of the file.

    Args:
        time_base: seconds per tick.
        step: ticks that one picture usually lasts.
        leaps: the format's clock may also jump ahead.

    Attributes:
        shifts: ticks to add before the first seam (0), after it, after the second, and so on.
        end: when the pictures so far end, in shifted ticks; None before the first.
    """

    def __init__(self, time_base: Fraction, step: int, *, leaps: bool) -> None:
        self._fall = FALL_S / time_base
        self._leap = LEAP_S / time_base if leaps else None
        self._step = step
        self._top: int | None = None
        self.shifts = [0]
        self.end: int | None = None

    def shift(self, pts: int | None, dts: int | None) -> int:
        """Return the ticks to add to both stamps of the next picture packet."""
        stamp = dts if dts is not None else pts
        if stamp is None:
            return self.shifts[-1]
        shown = pts if pts is not None else stamp
        if self._top is not None and self.is_seam(stamp - self._top):
            self.shifts.append((self.end or 0) - shown)
            self._top = stamp
        self._top = stamp if self._top is None else max(self._top, stamp)
        ends = shown + self.shifts[-1] + self._step
        self.end = ends if self.end is None else max(self.end, ends)
        return self.shifts[-1]

    def is_seam(self, rise: Fraction | int) -> bool:
        """Return True if stamps that rise by this many ticks start the clock again."""
        return -rise > self._fall or (self._leap is not None and rise > self._leap)


def seams_of(container: av.container.InputContainer, stream: av.VideoStream) -> Seams:
    """Return a finder of seams for the packets of `stream`."""
    time_base = stream.time_base or FALLBACK_TICK
    rate = rate_of(container, stream)
    step = max(1, round(1 / (rate * time_base))) if rate else 1
    return Seams(time_base, step, leaps=may_jump(container))


def may_jump(container: av.container.InputContainer) -> bool:
    """Return True if the format's clock may jump, and its zero means nothing."""
    return bool(container.format.flags & _TS_DISCONT)


def rate_of(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Return the frames per second of `stream`; None where nothing tells."""
    average, guessed = stream.average_rate, stream.guessed_rate
    if average and guessed and average > _FAR_TOO_MANY * guessed:
        return guessed  # libav gives the ticks of a raw DV file for its average
    if is_timeless(container):
        return guessed or average or None
    return average or guessed or None


def is_timeless(container: av.container.InputContainer) -> bool:
    """Return True if the format stores no times, as raw H.264 does not."""
    return bool(container.format.flags & _NOTIMESTAMPS)


class Follower:
    """Places the packets of a sound or subtitle stream on the time line of the pictures.

    Args:
        seams: of the pictures, as far as they are read.
        time_base: of the pictures.
        sparse: the stream has long pauses, as subtitles do.
    """

    def __init__(self, seams: Seams, time_base: Fraction, *, sparse: bool) -> None:
        self._seams = seams
        self._time_base = time_base
        self._sparse = sparse
        self._passed = 0
        self._own = Fraction(0)
        self._end: Fraction | None = None

    def shift(self, start: Fraction, length: Fraction, *, force: bool = False) -> Fraction | None:
        """Return the seconds to add to a packet's times, None while that is not known yet.

        Args:
            start: when the packet is to be decoded, in seconds of the file's clock.
            length: how long it lasts, in seconds.
            force: do not wait for a seam of the pictures; the packet follows the one before.
        """
        shifts = [ticks * self._time_base for ticks in self._seams.shifts[self._passed :]]
        near = self._near()
        if near is None:
            near = start
        offsets = [start + self._own + shifts[0] - near]
        offsets += [start + shift - near for shift in shifts[1:]]
        chosen = min(range(len(offsets)), key=lambda n: abs(offsets[n]))
        follows = self._end is not None and not self._sparse
        if follows and self._seams.is_seam(offsets[chosen] / self._time_base):
            if not force:
                return None
            if offsets[chosen] < 0:
                self._own -= offsets[chosen]
        if chosen:
            self._own = Fraction(0)
            self._passed += chosen
        found = shifts[chosen] + self._own
        self._end = max(self._end or found + start, found + start + length)
        return found

    def _near(self) -> Fraction | None:
        """Return about when the next packet is expected."""
        if self._end is not None and not self._sparse:
            return self._end
        return None if self._seams.end is None else self._seams.end * self._time_base


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
