"""The state of a live run for Prometheus, and whether it is well, for supervisors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Status = dict[str, Any]

_COUNTERS = {
    "frames": ("rimlight_frames", "Frames that were sent to the sinks"),
    "fallback_frames": ("rimlight_fallback_frames", "Fallback frames among them"),
    "repeats": ("rimlight_repeated_frames", "Frames that virtual cameras got once more"),
    "losses": ("rimlight_source_losses", "How often the source was lost"),
}
_LABELED_COUNTERS = {
    "dropped": ("rimlight_dropped_frames", "Frames that were dropped, by cause", "cause"),
    "errors": ("rimlight_errors", "Non-fatal errors, by stage", "stage"),
}
_GAUGES = {
    "fps": ("rimlight_frames_per_second", "Frames sent in one second, mean of the run", 1.0),
    "latency_ms": ("rimlight_latency_seconds", "Median from capture to the last sink", 1e-3),
    "delay_ms": ("rimlight_delay_seconds", "Median from capture to the virtual camera", 1e-3),
    "mask_age_ms": ("rimlight_mask_age_seconds", "Median age of a mask", 1e-3),
    "cpu": ("rimlight_cpu_cores", "CPU use in cores, last seconds", 1.0),
    "panic": ("rimlight_panic", "1 while all outputs are covered", 1.0),
    "frozen": ("rimlight_frozen", "1 while the picture is frozen", 1.0),
}


def render_metrics(status: Status | None) -> bytes:
    """Return a status in the text format of Prometheus; None: no run is connected."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatusCollector(status))
    return generate_latest(registry)


def is_healthy(status: Status | None) -> bool:
    """Return True if frames arrive, or the camera is closed on purpose."""
    return status is not None and status["state"] in ("live", "suspended")


class _StatusCollector(Collector):
    """Turns one status into metrics."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        status = self._status
        yield GaugeMetricFamily("rimlight_up", "1 if the run is healthy", is_healthy(status))
        if status is None:
            return
        for key, (name, text) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, status[key])
        for key, (name, text, label) in _LABELED_COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=[label])
            for value, count in status[key].items():
                counter.add_metric([value], count)
            yield counter
        for key, (name, text, unit) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, float(status[key]) * unit)
        yield GaugeMetricFamily(
            "rimlight_degraded_steps", "Steps of the quality ladder taken", len(status["degraded"])
        )
        stages = GaugeMetricFamily(
            "rimlight_stage_seconds", "Median time of one frame, by stage", labels=["stage"]
        )
        for stage, milliseconds in status["stages"].items():
            stages.add_metric([stage], milliseconds * 1e-3)
        yield stages
