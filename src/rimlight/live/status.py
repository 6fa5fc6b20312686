"""How a live run stands, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rimlight.core.config import ComponentConfig
from rimlight.factory.pipeline import OpenPipeline
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.stats import Stats
from rimlight.sinks.threaded import ConstantRateSink, ThreadedSink
from rimlight.sources.reconnect import ReconnectingSource


@dataclass(frozen=True, slots=True)
class Status:
    """A live run as it stands.

    Attributes:
        source: its name.
        state: opening, live, lost, retrying or resting.
        problem: why it is lost, or what failed last; "" for nothing.
        fps: frames a second that went to the sinks.
        latency_ms: median from capture to the last sink; a virtual camera's turn comes later.
        delay_ms: median from capture to when the virtual camera gets the picture, or the last sink
            where there is none: the sync offset of the microphone.
        mask_age_ms: median, how much older than its frame a mask is.
        frames: that went to the sinks, holding pictures included.
        held: holding pictures among them.
        dropped: frames that did not, by cause.
        faults: errors that were survived, by stage.
        repeats: frames that virtual cameras got once more.
        losses: how often the source was lost.
        frozen: the picture is held.
        panic: everything is covered.
        model: what the user named it.
        effects: the kinds, in order.
        stages: median milliseconds by stage.
        given_up: what the governor has given up, to hold its limit.
    """

    source: str
    state: str
    problem: str
    fps: float
    latency_ms: float
    delay_ms: float
    mask_age_ms: float
    frames: int
    held: int
    dropped: dict[str, int]
    faults: dict[str, int]
    repeats: int
    losses: int
    frozen: bool
    panic: bool
    model: str
    effects: list[str]
    stages: dict[str, float]
    given_up: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def status_of(
    run: OpenPipeline,
    pipeline: LivePipeline,
    *,
    model: str,
    parts: Sequence[ComponentConfig],
    given_up: Sequence[str] = (),
) -> Status:
    """Return how `run` stands.

    Args:
        run: the open run.
        pipeline: its pipeline.
        model: what the user knows the model as.
        parts: the effects as they are now.
        given_up: what the governor has given up.
    """
    stats, faults, source = pipeline.stats, pipeline.faults, run.source
    lasting = source if isinstance(source, ReconnectingSource) else None
    stages = {name: round(stage.median_ms, 2) for name, stage in stats.stages.items()}
    steady = [sink for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    return Status(
        source=run.info.name,
        state=lasting.state.value if lasting else "live",
        problem=(lasting.problem if lasting else "") or faults.last,
        fps=round(stats.per_second, 2),
        latency_ms=stages.get("latency", 0.0),
        delay_ms=delay_ms(run, stats),
        mask_age_ms=stages.get("mask age", 0.0),
        frames=stats.frames,
        held=faults.held,
        dropped={**stats.dropped, **_dropped_by_sinks(run)},
        faults=faults.counts,
        repeats=sum(sink.repeated for sink in steady),
        losses=lasting.losses if lasting else 0,
        frozen=pipeline.frozen,
        panic=pipeline.panicking,
        model=model,
        effects=[part.kind for part in parts],
        stages=stages,
        given_up=list(given_up),
    )


def delay_ms(run: OpenPipeline, stats: Stats) -> float:
    """Return how late the picture is for whoever watches, in milliseconds, median."""
    steady = [sink.delay_s for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    if steady:
        return round(max(steady) * 1000, 1)
    latency = stats.stages.get("latency")
    return round(latency.median_ms, 1) if latency else 0.0


def _dropped_by_sinks(run: OpenPipeline) -> dict[str, int]:
    """Count frames that reached a sink's own thread and were left out there, by cause."""
    sinks = run.sinks
    counts = {
        "a newer one before its turn": sum(
            s.dropped for s in sinks if isinstance(s, ConstantRateSink)
        ),
        "sink too slow": sum(s.dropped for s in sinks if isinstance(s, ThreadedSink)),
    }
    return {cause: count for cause, count in counts.items() if count}
