"""Statistics of a run: times of its stages, frames, and non-fatal errors."""

from __future__ import annotations

import logging
import statistics
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rimlight.core.addresses import hide_secrets_in

log = logging.getLogger(__name__)

_MAX_SAMPLES = 4096  # enough for a p95, and the same memory after an hour as after a minute


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took per frame, in milliseconds over the last few thousand frames."""

    median_ms: float
    p95_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class Stats:
    """One run in figures.

    Attributes:
        frames: frames that left through the sinks.
        dropped: frames that did not, by cause.
        elapsed_s: from the first frame to the last, in seconds.
        stages: time per stage; "latency" runs from capture to the last sink, and "mask age" is
            how much older than its frame a mask was.
        earlier: frames of the result that an earlier run wrote.
    """

    frames: int
    dropped: Mapping[str, int]
    elapsed_s: float
    stages: Mapping[str, StageTime]
    earlier: int = 0

    @property
    def per_second(self) -> float:
        """Frames per second; 0.0 until there are two: n frames span n - 1 intervals."""
        return (self.frames - 1) / self.elapsed_s if self.frames > 1 and self.elapsed_s > 0 else 0.0


class Meter:
    """Collects the figures of a run. Any thread may add to it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_MAX_SAMPLES))
        self._counts: dict[str, int] = defaultdict(int)
        self._first: float | None = None
        self._last: float | None = None
        self.frames = 0
        self.dropped: dict[str, int] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Time the body as one frame's share of `stage`."""
        start = self._clock()
        yield
        self.add(stage, self._clock() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Add one measurement of `stage`."""
        self._samples[stage].append(seconds)
        self._counts[stage] += 1  # last: a positive count means that there are samples

    def get_last_s(self, stage: str) -> float:
        """Return the last measurement of `stage` in seconds; 0.0 before the first."""
        samples = self._samples.get(stage)
        return samples[-1] if samples else 0.0

    def set_dropped(self, cause: str, count: int) -> None:
        """Set how many frames `cause` has dropped in all."""
        if count:
            self.dropped[cause] = count

    def count_frame(self, captured_at: float) -> None:
        """Count a frame that went through all sinks, captured at monotonic seconds."""
        now = self._clock()
        self._first = now if self._first is None else self._first
        self._last = now
        self.frames += 1
        self.add("latency", now - captured_at)

    def summarize(self) -> Stats:
        """Return the figures up to now."""
        elapsed = self._last - self._first if self._first and self._last else 0.0
        stages = {
            name: self._summarize_stage(name) for name in tuple(self._samples) if self._counts[name]
        }
        return Stats(self.frames, dict(self.dropped), elapsed, stages)

    def _summarize_stage(self, name: str) -> StageTime:
        values = sorted(self._samples[name])
        p95 = values[min(len(values) - 1, int(len(values) * 0.95))]
        return StageTime(statistics.median(values) * 1000, p95 * 1000, self._counts[name])


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """The non-fatal errors of a live run up to now.

    Attributes:
        counts: errors by stage, and frames that were not shown by cause.
        fallback_frames: fallback frames that were sent.
        last: the text of the latest error, "" for none.
    """

    counts: dict[str, int]
    fallback_frames: int
    last: str


class ErrorLog:
    """Counts non-fatal errors, and decides which errors are fatal."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last = ""
        self.fallback_frames = 0
        """Fallback frames that were sent."""

    def summarize(self) -> ErrorSummary:
        """Return the errors up to now."""
        return ErrorSummary(dict(self._counts), self.fallback_frames, self._last)

    def count(self, cause: str) -> None:
        """Count a frame that was not shown, though no component failed."""
        self._counts[cause] += 1

    def record_or_raise(self, stage: str, exc: Exception, *, has_worked: bool) -> None:
        """Record `exc` if its stage has worked before; else raise it."""
        if not has_worked:
            raise exc
        text = hide_secrets_in(f"{stage}: {exc}")
        if text != self._last:  # an error of every frame is logged once
            log.warning("continuing after an error in the %s", text)
        self._counts[stage] += 1
        self._last = text
