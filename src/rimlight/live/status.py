"""The state of a live run, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rimlight.core.config import EffectConfig
from rimlight.factory.cover import compute_min_blur_px
from rimlight.factory.pipeline import OpenPipeline
from rimlight.imaging.palette import is_color
from rimlight.live.governor import Governor
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.stats import Stats
from rimlight.sinks.threaded import ConstantRateSink, ThreadedSink
from rimlight.sources.reconnect import ReconnectingSource


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a live run.

    Attributes:
        source: its name.
        state: opening, live, lost, retrying or suspended.
        problem: why it is lost, or what failed last; "" for nothing.
        fps: frames a second that went to the sinks.
        latency_ms: median from capture to the last sink; a virtual camera's turn comes later.
        delay_ms: median from capture to when the virtual camera gets the picture, or the last sink
            where there is none: the sync offset of the microphone.
        mask_age_ms: median, how much older than its frame a mask is.
        frames: that went to the sinks, fallback frames included.
        fallback_frames: fallback frames among them.
        dropped: frames that did not, by cause.
        errors: non-fatal errors, by stage.
        repeats: frames that virtual cameras got once more.
        losses: how often the source was lost.
        frozen: the last frame is held.
        panic: all outputs are blanked.
        model: the name that the user gave.
        effects: the kinds, in order.
        stages: median milliseconds by stage.
        degraded: what the governor has degraded, to stay within its limits.
        background: the file or color behind the person; "" for a blur or none.
        blur_px: radius of the background's blur; 0.0 for none.
        min_blur_px: the smallest blur that covers the room.
        mirror: left and right are swapped.
        quality: fast, balanced or best; "" for refiners of the user's own.
        cpu: use of the last seconds, as a share of one core.
        max_cpu: its limit, 0.0 for none.
        recording: the file that `record` writes to; "" for none.
        camera: its path or number; "" for a source that is no camera.
    """

    source: str
    state: str
    problem: str
    fps: float
    latency_ms: float
    delay_ms: float
    mask_age_ms: float
    frames: int
    fallback_frames: int
    dropped: dict[str, int]
    errors: dict[str, int]
    repeats: int
    losses: int
    frozen: bool
    panic: bool
    model: str
    effects: list[str]
    stages: dict[str, float]
    degraded: list[str]
    background: str
    blur_px: float
    min_blur_px: float
    mirror: bool
    quality: str
    cpu: float
    max_cpu: float
    recording: str
    camera: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def read_status(
    run: OpenPipeline,
    pipeline: LivePipeline,
    *,
    model: str,
    effects: Sequence[EffectConfig],
    governor: Governor,
    quality: str,
    recording: str,
    camera: str,
) -> Status:
    """Return the state of `run`.

    Args:
        run: the open run.
        pipeline: its pipeline.
        model: what the user knows the model as.
        effects: the current effects.
        governor: keeps it within its limits.
        quality: of its masks.
        recording: the file that is recorded to.
        camera: that it shows.
    """
    stats, errors, source = pipeline.stats, pipeline.errors, run.source
    lasting = source if isinstance(source, ReconnectingSource) else None
    stages = {name: round(stage.median_ms, 2) for name, stage in stats.stages.items()}
    steady = [sink for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    return Status(
        source=run.info.name,
        state=lasting.state.value if lasting else "live",
        problem=(lasting.problem if lasting else "") or errors.last,
        fps=round(stats.per_second, 2),
        latency_ms=stages.get("latency", 0.0),
        delay_ms=compute_delay_ms(run, stats),
        mask_age_ms=stages.get("mask age", 0.0),
        frames=stats.frames,
        fallback_frames=errors.fallback_frames,
        dropped={**stats.dropped, **_count_dropped_by_sinks(run)},
        errors=errors.counts,
        repeats=sum(sink.repeated for sink in steady),
        losses=lasting.losses if lasting else 0,
        frozen=pipeline.is_frozen,
        panic=pipeline.is_blanked,
        model=model,
        effects=[effect.kind for effect in effects],
        stages=stages,
        degraded=list(governor.degraded),
        background=_find_background(effects),
        blur_px=next((part.options.radius_px for part in effects if part.kind == "blur"), 0.0),
        min_blur_px=compute_min_blur_px(run.info.size[1]),
        mirror=any(part.kind == "flip" and part.options.horizontal for part in effects),
        quality=quality,
        cpu=round(governor.share, 3),
        max_cpu=governor.max_cpu or 0.0,
        recording=recording,
        camera=camera,
    )


def _find_background(effects: Sequence[EffectConfig]) -> str:
    """Return the color, or the absolute path of the file, behind the person."""
    for part in effects:
        if part.kind == "replace":
            text = str(part.options.background)
            return text if is_color(text) else str(Path(text).expanduser().resolve())
    return ""


def compute_delay_ms(run: OpenPipeline, stats: Stats) -> float:
    """Return the median delay of the output in milliseconds."""
    steady = [sink.delay_s for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    if steady:
        return round(max(steady) * 1000, 1)
    latency = stats.stages.get("latency")
    return round(latency.median_ms, 1) if latency else 0.0


def _count_dropped_by_sinks(run: OpenPipeline) -> dict[str, int]:
    """Count frames that reached a sink's own thread and were left out there, by cause."""
    sinks = run.sinks
    counts = {
        "a newer one before its turn": sum(
            s.dropped for s in sinks if isinstance(s, ConstantRateSink)
        ),
        "sink too slow": sum(s.dropped for s in sinks if isinstance(s, ThreadedSink)),
    }
    return {cause: count for cause, count in counts.items() if count}
