"""Opens the real camera only while a program reads the virtual one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rimlight.core.errors import ConfigError
from rimlight.core.protocols import ConsumerCount, SupportsOnDemand
from rimlight.factory.pipeline import OpenPipeline
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sources.reconnect import ReconnectingSource

GRACE_S = 5.0
"""Programs close a camera and open it again when they change its settings."""


class OnDemandCamera:
    """Opens the camera when a consumer appears, and suspends it some time after the last one left.

    Args:
        source: the camera.
        counters: of the virtual cameras; they stay the caller's.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        source: ReconnectingSource,
        counters: Sequence[ConsumerCount],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._counters = counters
        self._interval_s = max(counter.interval_s for counter in counters)
        self._clock = clock
        self._check_at = clock()
        self._suspend_at = clock()  # no consumer yet: suspend it at the first check

    def poll(self) -> None:
        """Check for consumers, if it is time to."""
        now = self._clock()
        if now < self._check_at:
            return
        self._check_at = now + self._interval_s
        if any(counter.count() for counter in self._counters):
            self._suspend_at = now + GRACE_S
            self._source.wake()
        elif now >= self._suspend_at:
            self._source.suspend()


def open_consumer_counters(run: OpenPipeline) -> tuple[ConsumerCount, ...]:
    """Return the consumer counters of the virtual cameras of `run`; the caller closes them.

    Raises:
        ConfigError: the run has other sinks too, or a source that cannot be suspended.
    """
    inner = [sink.sink if isinstance(sink, ConstantRateSink) else sink for sink in run.sinks]
    cameras = [sink for sink in inner if isinstance(sink, SupportsOnDemand)]
    if len(cameras) < len(run.sinks) or not isinstance(run.source, ReconnectingSource):
        raise ConfigError(
            "a camera on demand needs virtual cameras as its only sinks, and a live source",
            hint="rimlight live --on-demand --sink pipewire, or --sink virtual-camera",
        )
    return tuple(camera.open_consumer_counter() for camera in cameras)
