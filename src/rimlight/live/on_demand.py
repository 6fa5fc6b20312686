"""The real camera is open only while somebody watches the virtual one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rimlight.core.errors import ConfigError
from rimlight.factory.pipeline import OpenPipeline
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sinks.virtual_camera import VirtualCameraSink
from rimlight.sources.reconnect import ReconnectingSource
from rimlight.system.camera_consumers import ConsumerCounter

LOOK_EVERY_S = 0.5
GRACE_S = 5.0
"""Programs close a camera and open it again when they change its settings."""


class OnDemand:
    """Wakes the camera when somebody comes, lets it rest when nobody has watched for a while.

    Args:
        source: the camera.
        counts: one function for each virtual camera, that returns how many watch it.
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
        self._look_at = clock()
        self._rest_at = clock()  # nobody is here yet: it rests at the first look

    def poll(self) -> None:
        """Look whether somebody watches, if it is time to."""
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        if any(count() for count in self._counts):
            self._rest_at = now + GRACE_S
            self._source.wake()
        elif now >= self._rest_at:
            self._source.rest()


def watchers_of(run: OpenPipeline) -> tuple[ConsumerCounter, ...]:
    """Return who watches the virtual cameras of `run`; the caller closes them.

    Raises:
        ConfigError: the run has other sinks too, or a source that cannot rest.
    """
    inner = [sink.sink for sink in run.sinks if isinstance(sink, ConstantRateSink)]
    devices = [sink.device for sink in inner if isinstance(sink, VirtualCameraSink)]
    if len(devices) < len(run.sinks) or not isinstance(run.source, ReconnectingSource):
        raise ConfigError(
            "a camera on demand needs virtual cameras as its only sinks, and a live source",
            hint="rimlight live --on-demand --sink virtual-camera",
        )
    return tuple(ConsumerCounter(device) for device in devices)
