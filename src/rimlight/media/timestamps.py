"""Make timestamps rise across discontinuities, wrong stamps and live clocks.

Concatenated files, and transport streams whose clock wraps, restart their timestamps within the
stream. Video and audio are read by separate readers. Both detect the discontinuities in the same
video packets, so both apply the same offsets.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from rimlight.system.av import av

MAX_BACKWARD_S = Fraction(1)
"""A larger backward step restarts the clock; a smaller one is a reordered packet."""

MAX_FORWARD_S = Fraction(10)
"""In formats with a discontinuous clock, a larger forward step also restarts it."""

DEFAULT_TIME_BASE = Fraction(1, 90_000)
_NOTIMESTAMPS, _TS_DISCONT = 0x0080, 0x0200  # AVFMT_ flags of FFmpeg
_MAX_RATE_RATIO = 100

_MAX_REORDER_S = 1
"""A larger backward step restarts the clock; a smaller one is a frame out of order."""

ARRIVAL_TIME_BASE = Fraction(1, 1_000_000)
"""The time base of `ArrivalClock`."""

MIN_ARRIVAL_STEP = Fraction(1, 1000)
"""Minimum time between two frames: the resolution of Matroska."""

_WINDOW_S = 1.0
_MIN_FRAMES = 4
_TOLERANCE = 0.1
"""The stream's clock is trusted once it deviates by less than this share over the window."""

_CORRECTION_S = 60.0
"""Time constant of the drift correction: two clocks drift apart by a second in hours."""


class DiscontinuityTracker:
    """Detects restarts of the clock in one video stream, from every packet in file order.

    Args:
        time_base: seconds per tick.
        step: nominal duration of a frame in ticks.
        can_jump_forward: a large forward step is a discontinuity, too.

    Attributes:
        offsets: ticks to add before the first discontinuity (0), after it, after the second, etc.
        end: end of the frames so far, in corrected ticks; None before the first.
    """

    def __init__(self, time_base: Fraction, step: int, *, can_jump_forward: bool) -> None:
        self._fall = MAX_BACKWARD_S / time_base
        self._leap = MAX_FORWARD_S / time_base if can_jump_forward else None
        self._step = step
        self._top: int | None = None
        self.offsets = [0]
        self.end: int | None = None

    def add_packet(self, pts: int | None, dts: int | None) -> int:
        """Return the ticks to add to both timestamps of the next video packet."""
        stamp = dts if dts is not None else pts
        if stamp is None:
            return self.offsets[-1]
        shown = pts if pts is not None else stamp
        if self._top is not None and self.is_discontinuity(stamp - self._top):
            self.offsets.append((self.end or 0) - shown)
            self._top = stamp
        self._top = stamp if self._top is None else max(self._top, stamp)
        ends = shown + self.offsets[-1] + self._step
        self.end = ends if self.end is None else max(self.end, ends)
        return self.offsets[-1]

    def is_discontinuity(self, rise: Fraction | int) -> bool:
        """Return True if a step of this many ticks is a restart of the clock."""
        return -rise > self._fall or (self._leap is not None and rise > self._leap)


def track_discontinuities(
    container: av.container.InputContainer, stream: av.VideoStream
) -> DiscontinuityTracker:
    """Return a tracker for the packets of `stream`."""
    time_base = stream.time_base or DEFAULT_TIME_BASE
    rate = read_frame_rate(container, stream)
    step = max(1, round(1 / (rate * time_base))) if rate else 1
    return DiscontinuityTracker(
        time_base, step, can_jump_forward=has_discontinuous_clock(container)
    )


def has_discontinuous_clock(container: av.container.InputContainer) -> bool:
    """Return True if the format's clock may jump and its zero is arbitrary."""
    return bool(container.format.flags & _TS_DISCONT)


def read_frame_rate(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Fraction | None:
    """Return the frames per second of `stream`; None if unknown."""
    average, guessed = stream.average_rate, stream.guessed_rate
    if average and guessed and average > _MAX_RATE_RATIO * guessed:
        return guessed  # FFmpeg reports the tick rate of a raw DV file as its average
    if has_no_timestamps(container):
        return guessed or average or None
    return average or guessed or None


def has_no_timestamps(container: av.container.InputContainer) -> bool:
    """Return True if the format stores no timestamps, e.g. raw H.264."""
    return bool(container.format.flags & _NOTIMESTAMPS)


class StreamAligner:
    """Aligns the packets of an audio or subtitle stream with the corrected video timestamps.

    Args:
        tracker: the discontinuities of the video read so far.
        time_base: of the video.
        sparse: the stream has long gaps, as subtitles do.
    """

    def __init__(self, tracker: DiscontinuityTracker, time_base: Fraction, *, sparse: bool) -> None:
        self._tracker = tracker
        self._time_base = time_base
        self._sparse = sparse
        self._passed = 0
        self._extra = Fraction(0)
        self._end: Fraction | None = None

    def compute_offset(
        self, start: Fraction, length: Fraction, *, force: bool = False
    ) -> Fraction | None:
        """Return the seconds to add to a packet's timestamps; None while they are unknown.

        Args:
            start: decoding time of the packet, in seconds of the file's clock.
            length: its duration in seconds.
            force: do not wait for a discontinuity of the video; the packet follows the last one.
        """
        shifts = [ticks * self._time_base for ticks in self._tracker.offsets[self._passed :]]
        near = self._predict_next()
        if near is None:
            near = start
        offsets = [start + self._extra + shifts[0] - near]
        offsets += [start + shift - near for shift in shifts[1:]]
        chosen = min(range(len(offsets)), key=lambda n: abs(offsets[n]))
        follows = self._end is not None and not self._sparse
        if follows and self._tracker.is_discontinuity(offsets[chosen] / self._time_base):
            if not force:
                return None
            if offsets[chosen] < 0:
                self._extra -= offsets[chosen]
        if chosen:
            self._extra = Fraction(0)
            self._passed += chosen
        offset = shifts[chosen] + self._extra
        self._end = max(self._end or offset + start, offset + start + length)
        return offset

    def _predict_next(self) -> Fraction | None:
        """Return the approximate time of the next packet."""
        if self._end is not None and not self._sparse:
            return self._end
        return None if self._tracker.end is None else self._tracker.end * self._time_base


class TimestampNormalizer:
    """Converts the timestamps of decoded frames to exact, rising seconds.

    Rising timestamps pass unchanged: `pts * time_base`.

    Args:
        time_base: seconds per tick, from the container.
        rate: frames per second, for frames without a timestamp; None: they are one tick apart.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base))) if rate else 1
        self._shift = 0
        self._last: int | None = None

    def normalize(self, pts: int | None, dts: int | None) -> Fraction:
        """Return the time of the next frame in seconds, a multiple of the time base.

        Args:
            pts: presentation timestamp in ticks, if any.
            dts: decoding timestamp, used if `pts` is None.
        """
        stamp = pts if pts is not None else dts
        self._last = self._to_rising_tick(stamp)
        return self._last * self._time_base

    def _to_rising_tick(self, stamp: int | None) -> int:
        if self._last is None:
            return stamp or 0
        if stamp is None:
            return self._last + self._step
        tick = stamp + self._shift
        if tick > self._last:
            return tick
        if (self._last - tick) * self._time_base < _MAX_REORDER_S:
            return self._last + 1
        self._shift += self._last + self._step - tick
        return self._last + self._step


class ArrivalClock:
    """Estimates the time of each frame of a live stream, in seconds after the first one.

    The clocks of many streams are wrong: they start at ten hours, jump, or count 25 frames per
    second at any rate. While a stream's clock agrees with the local clock, its timestamps are the
    better ones because they are free of network jitter. A deviation of `slack_s` resets the trust.

    Args:
        slack_s: maximum jitter in seconds.
        is_trusted: trust the stream's clock from the start.
    """

    def __init__(self, slack_s: float = 1.0, *, is_trusted: bool = False) -> None:
        self._slack_s = slack_s
        self._is_trusted = is_trusted
        self._start: float | None = None
        self._offset = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self._last = Fraction(-1)

    def estimate(self, stamp: Fraction, arrived: float) -> Fraction:
        """Return the time of the next frame, a multiple of `TIME_BASE`.

        Args:
            stamp: by the stream's clock, in seconds.
            arrived: by the local monotonic clock, in seconds.
        """
        if self._start is None:
            self._start, self._offset = arrived, -float(stamp)
        time_s = self._estimate_s(float(stamp), arrived - self._start)
        exact = Fraction(round(time_s / ARRIVAL_TIME_BASE)) * ARRIVAL_TIME_BASE
        self._last = max(exact, self._last + MIN_ARRIVAL_STEP if self._last >= 0 else Fraction(0))
        return self._last

    def _estimate_s(self, stamp_s: float, elapsed_s: float) -> float:
        step_s = elapsed_s - self._recent[-1][1] if self._recent else 0.0
        self._record(stamp_s, elapsed_s)
        if self._is_trusted:
            late_s = elapsed_s - (stamp_s + self._offset)
            if abs(late_s) <= self._slack_s:
                self._offset += late_s * min(1.0, step_s / _CORRECTION_S)
                return stamp_s + self._offset
            self._is_trusted = False
            self._recent.clear()
        elif self._is_clock_consistent():
            self._is_trusted, self._offset = True, elapsed_s - stamp_s
        return elapsed_s

    def _record(self, stamp_s: float, elapsed_s: float) -> None:
        before = self._recent
        before.append((stamp_s, elapsed_s))
        while len(before) > _MIN_FRAMES and before[1][1] <= elapsed_s - _WINDOW_S:
            before.popleft()

    def _is_clock_consistent(self) -> bool:
        """Return True if both clocks advanced equally within the window."""
        stamps_s, ours_s = (self._recent[-1][i] - self._recent[0][i] for i in (0, 1))
        return ours_s >= _WINDOW_S and abs(stamps_s - ours_s) <= _TOLERANCE * ours_s
