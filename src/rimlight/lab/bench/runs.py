"""Measure whole runs: a file against the codec, live with a slow model, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import Overflow
from rimlight.core.protocols import Segmenter
from rimlight.factory.api import open_effect, open_refiner, open_segmenter, open_sink, open_source
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import build_config
from rimlight.lab.bench.clips import BlankSegmenter, RingSource
from rimlight.lab.bench.frame_cost import EFFECTS, MODEL
from rimlight.pipeline.pipeline import Pipeline
from rimlight.pipeline.settings import Settings
from rimlight.pipeline.stats import Stats

PICTURE = EFFECTS["picture"][1]["background"]


def process_clip(clip: Path, out: Path) -> Stats:
    """Give `clip` a picture background, as `rimlight process` does, with its default settings."""
    effect = {"kind": "replace", "background": PICTURE}
    config = build_config(
        "process",
        source=str(clip),
        sinks=[str(out)],
        effects=[effect],
        options={"video": {"overwrite": True}},  # one run after the other writes it
    )
    with open_pipeline(config) as run:
        return run.pipeline.run()


def run_codec_alone(clip: Path, out: Path) -> Stats:
    """Decode and encode `clip` with the same source, sink and threads, and nothing between."""
    with closing(open_source(str(clip))) as source:
        sink = open_sink(str(out), source.info, {"overwrite": True})
        try:
            return Pipeline(source, BlankSegmenter(), [sink]).run()
        finally:
            sink.close()


def run_in_turns(
    runs: Sequence[Callable[[], Stats]], rounds: int
) -> tuple[list[float], list[Stats]]:
    """Run all in turn, `rounds` times; return the best wall seconds of each, and its figures."""
    best = [float("inf")] * len(runs)
    stats = [run() for run in runs]  # the first of each warms caches and does not count
    for _ in range(rounds):
        for number, run in enumerate(runs):
            start = time.perf_counter()
            figures = run()
            taken = time.perf_counter() - start
            if taken < best[number]:
                best[number], stats[number] = taken, figures
    return best, stats


class SlowSegmenter:
    """A segmenter that takes at least `least_s` for a mask, as a large model does."""

    def __init__(self, inner: Segmenter, least_s: float) -> None:
        self._inner = inner
        self._least_s = least_s

    def segment(self, frame: Frame) -> Mask:
        """Return the inner segmenter's mask, late."""
        start = time.perf_counter()
        mask = self._inner.segment(frame)
        time.sleep(max(0.0, self._least_s - (time.perf_counter() - start)))
        return mask

    def close(self) -> None:
        """Close the inner one."""
        self._inner.close()


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """How a live run with a slow model went.

    Attributes:
        per_second: frames that came out.
        mask_age_ms: median age of the masks they wore.
        latency_ms: median time from capture to sink.
        latency_growth_ms: median of the second half of the run, less that of the first.
        dropped: frames that did not come out.
    """

    per_second: float
    mask_age_ms: float
    latency_ms: float
    latency_growth_ms: float
    dropped: int


def run_live_with_slow_model(
    size: tuple[int, int], seconds: float, *, least_s: float = 0.06
) -> LiveFigures:
    """Run a 30 fps source live with a model that takes `least_s` for a mask."""
    latencies: list[float] = []

    def note(frame: Frame) -> None:
        latencies.append(time.monotonic() - frame.captured_at)

    with ExitStack() as stack:
        source = open_source(
            f"test-pattern:{size[0]}x{size[1]}",
            {"rate": 30, "count": round(30 * seconds), "realtime": True},
        )
        stack.callback(source.close)
        segmenter = SlowSegmenter(open_segmenter(MODEL, {"threads": 1}), least_s)
        stack.callback(segmenter.close)
        effect = open_effect(*EFFECTS["picture"])
        stack.callback(effect.close)
        settings = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest", queue_size=2)
        sink = open_sink("null", source.info)
        pipeline = Pipeline(
            source,
            segmenter,
            [sink],
            settings=settings,
            on_frame=note,
            refiners=[open_refiner("smooth")],
            effects=[effect],
        )
        stats = pipeline.run()
    half = len(latencies) // 2
    growth = _find_median(latencies[half:]) - _find_median(latencies[:half])
    return LiveFigures(
        stats.per_second,
        stats.stages["mask age"].median_ms,
        stats.stages["latency"].median_ms,
        growth * 1000,
        sum(stats.dropped.values()),
    )


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Resident memory over a long run, in megabytes: the peak of each quarter of its frames."""

    frames: int
    quarters_mb: tuple[float, float, float, float]

    @property
    def growth(self) -> float:
        """The last quarter's peak over the second quarter's."""
        return self.quarters_mb[3] / self.quarters_mb[1]


def measure_memory(frames: Sequence[Frame], count: int) -> MemoryFigures:
    """Run `count` frames through model, smoothing and a picture background."""
    peaks = [0.0] * 4
    done = 0

    def look(_: Frame) -> None:
        nonlocal done
        if done % 25 == 0:
            quarter = min(3, done * 4 // count)
            peaks[quarter] = max(peaks[quarter], read_resident_mb())
        done += 1

    with ExitStack() as stack:
        segmenter = open_segmenter(MODEL, {"threads": 1})
        stack.callback(segmenter.close)
        effect = open_effect(*EFFECTS["picture"])
        stack.callback(effect.close)
        source = RingSource(frames, count)
        sink = open_sink("null", source.info)
        Pipeline(
            source,
            segmenter,
            [sink],
            on_frame=look,
            refiners=[open_refiner("smooth")],
            effects=[effect],
        ).run()
    return MemoryFigures(count, (peaks[0], peaks[1], peaks[2], peaks[3]))


def read_resident_mb() -> float:
    """Return this process's resident memory in megabytes; 0.0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# The process tells its own peak: what wait4 tells of a child includes its parent's size.
_PEAK_SCRIPT = """
import sys
from rimlight.cli import main
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def measure_process_peak_mb(clip: Path, out: Path) -> float:
    """Run `rimlight process` on `clip` in a process of its own; return its peak memory in MB.

    0.0 where /proc does not tell.
    """
    if not Path("/proc/self/status").is_file():
        return 0.0
    words = ["process", str(clip), "-b", PICTURE, "-q", "-o", str(out)]
    command = [sys.executable, "-c", _PEAK_SCRIPT, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def _find_median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
