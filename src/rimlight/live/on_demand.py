"""Opens the real camera only while a program reads the virtual one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rimlight.core.errors import ConfigError
from rimlight.factory.pipeline import OpenPipeline
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sinks.virtual_camera import VirtualCameraSink
from rimlight.sources.reconnect import ReconnectingSource
from rimlight.system.v4l2loopback import ConsumerCounter

CHECK_INTERVAL_S = 0.5
GRACE_S = 5.0
"""Programs close a camera and open it again when they change its settings."""


class OnDemandCamera:
    """Opens the camera when a consumer appears, and suspends it some time after the last one left.

    Args:
        source: the camera.
        counts: for each virtual camera, a function that returns the number of its consumers.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        source: ReconnectingSource,
        counts: Sequence[Callable[[], int]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._counts = counts
        self._clock = clock
        self._check_at = clock()
        self._suspend_at = clock()  # no consumer yet: suspend it at the first check

    def poll(self) -> None:
        """Check for consumers, if it is time to."""
        now = self._clock()
        if now < self._check_at:
            return
        self._check_at = now + CHECK_INTERVAL_S
        if any(count() for count in self._counts):
            self._suspend_at = now + GRACE_S
            self._source.wake()
        elif now >= self._suspend_at:
            self._source.rest()


def open_consumer_counters(run: OpenPipeline) -> tuple[ConsumerCounter, ...]:
    """Return the consumer counters of the virtual cameras of `run`; the caller closes them.

    Raises:
        ConfigError: the run has other sinks too, or a source that cannot be suspended.
    """
    inner = [sink.sink for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    devices = [sink.device for sink in inner if isinstance(sink, VirtualCameraSink)]
    if len(devices) < len(run.sinks) or not isinstance(run.source, ReconnectingSource):
        raise ConfigError(
            "a camera on demand needs virtual cameras as its only sinks, and a live source",
            hint="rimlight live --on-demand --sink virtual-camera",
        )
    return tuple(ConsumerCounter(device) for device in devices)
