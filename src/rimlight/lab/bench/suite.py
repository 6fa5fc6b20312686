"""The whole benchmark: what is measured in which order, and the ratios that count."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rimlight.core.frame import Frame
from rimlight.imaging import jit
from rimlight.lab.bench.clips import load_frames, write_clip
from rimlight.lab.bench.frame_cost import measure_frames, measure_stages, open_whole_frame
from rimlight.lab.bench.interleaved_timing import Cost, measure_in_turns
from rimlight.lab.bench.mediapipe_baseline import start_mediapipe
from rimlight.lab.bench.runs import (
    LiveFigures,
    MemoryFigures,
    measure_memory,
    measure_process_peak_mb,
    process_clip,
    run_codec_alone,
    run_in_turns,
    run_live_with_slow_model,
)
from rimlight.pipeline.stats import Stats
from rimlight.system.cpu import count_usable_cores

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
RING = 8
"""Frames in memory that are gone through again and again."""

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        clip: a video of a person.
        rounds: frames per way of working and size.
        clip_frames: length of the clips that are made for whole runs.
        clip_rounds: how often each whole run is repeated.
        live_s: seconds of the live run; 0 leaves it out.
        memory_frames: frames of the memory run; 0 leaves it out.
        peer: a Python that has mediapipe; None leaves the comparison out.
    """

    clip: Path
    rounds: int = 200
    clip_frames: int = 300
    clip_rounds: int = 3
    live_s: float = 5.0
    memory_frames: int = 0
    peer: Path | None = None


@dataclass
class Report:
    """What was measured.

    Attributes:
        machine: what it ran on.
        costs: size -> way of working -> cost of one frame.
        stages: size -> stage -> cost.
        ratios: the figures that compare machines and versions; see `docs/benchmarks/speed.md`.
        process: whole runs at 720p and their stages.
        live: live with a slow model.
        memory: over a long run.
        peers: what others need for the same frames.
    """

    machine: dict[str, Any]
    costs: dict[str, dict[str, Cost]] = field(default_factory=dict)
    stages: dict[str, dict[str, Cost]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    live: LiveFigures | None = None
    memory: MemoryFigures | None = None
    peers: dict[str, Cost] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def run_suite(plan: Plan, tell: Notify) -> Report:
    """Measure everything in `plan`; `tell` hears what is next.

    Raises:
        RimlightError: the clip or a model cannot be opened.
    """
    report = Report(describe_machine())
    if plan.peer:
        tell("mediapipe on the same frames at 720p")
        _compare(report, plan, plan.peer)
    for name, size in SIZES.items():
        tell(f"one frame at {name}")
        frames = load_frames(plan.clip, size, RING)
        report.costs[name] = measure_frames(frames, plan.rounds)
        report.stages[name] = measure_stages(frames, plan.rounds)
        report.ratios |= _compute_frame_ratios(name, report.costs[name])
    with tempfile.TemporaryDirectory() as folder:
        _measure_whole_runs(report, plan, Path(folder), tell)
    if plan.live_s:
        tell("live, with a model of 60 ms")
        report.live = run_live_with_slow_model(SIZES["720p"], plan.live_s)
    if plan.memory_frames:
        tell(f"memory over {plan.memory_frames} frames at 1080p")
        frames = load_frames(plan.clip, SIZES["1080p"], RING)
        report.memory = measure_memory(frames, plan.memory_frames)
        report.ratios["memory_growth_1080p"] = report.memory.growth
    return report


def describe_machine() -> dict[str, Any]:
    """Say what this machine is, as far as it matters."""
    compiled, python = jit.get_kernels() is not None, platform.python_version()
    return {
        "cores": count_usable_cores(),
        "cpu": _read_cpu_name(),
        "python": python,
        "fast": compiled,
    }


def _read_cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _compute_frame_ratios(name: str, costs: Mapping[str, Cost]) -> dict[str, float]:
    invoke = costs["invoke"].cpu_ms
    ratios = {
        f"frame_over_invoke_{name}": costs["picture"].cpu_ms / invoke,
        f"blur_over_invoke_{name}": costs["blur"].cpu_ms / invoke,
    }
    if "picture, plain" in costs:
        ratios[f"plain_over_fast_{name}"] = costs["picture, plain"].cpu_ms / costs["picture"].cpu_ms
    return ratios


def _compare(report: Report, plan: Plan, python: Path) -> None:
    """Measure a peer in turns with our whole frame; its own process measures its CPU time."""
    frames = load_frames(plan.clip, SIZES["720p"], RING)
    theirs: list[float] = []
    with start_mediapipe(python, frames) as ask:
        ours = _measure_with_peer(frames, lambda number: theirs.append(ask(number)), plan.rounds)
    middle = sorted(theirs)[len(theirs) // 2] * 1000
    report.peers = {"rimlight": ours, "mediapipe": Cost(middle, middle, middle, len(theirs))}
    report.ratios["frame_over_mediapipe_720p"] = ours.cpu_ms / middle


def _measure_with_peer(frames: Sequence[Frame], peer: Callable[[int], object], rounds: int) -> Cost:
    with ExitStack() as stack:
        call = open_whole_frame("picture", frames, stack)
        return measure_in_turns({"rimlight": call, "peer": peer}, rounds)["rimlight"]


def _measure_whole_runs(report: Report, plan: Plan, folder: Path, tell: Notify) -> None:
    clips = {}
    for name, size in SIZES.items():
        tell(f"making a clip of {plan.clip_frames} frames at {name}")
        clips[name] = folder / f"{name}.mp4"
        write_clip(load_frames(plan.clip, size, 60), plan.clip_frames, clips[name])
    tell("a file, against decoding and encoding alone")
    out = folder / "out.mp4"
    runs = [lambda: process_clip(clips["720p"], out), lambda: run_codec_alone(clips["720p"], out)]
    (ours, alone), (stats, _) = run_in_turns(runs, plan.clip_rounds)
    report.ratios["process_over_codec_720p"] = ours / alone
    tell("peak memory of a file at 1080p")
    report.process = _collect_process_figures(
        stats, ours, measure_process_peak_mb(clips["1080p"], folder / "out-1080p.mp4")
    )


def _collect_process_figures(stats: Stats, wall_s: float, peak_mb: float) -> dict[str, Any]:
    return {
        "frames": stats.frames,
        "wall_s": wall_s,
        "per_second": stats.frames / wall_s,
        "dropped": sum(stats.dropped.values()),
        "peak_mb_1080p": peak_mb,
        "stages": {name: asdict(stage) for name, stage in stats.stages.items()},
    }
