"""A camera that other programs can choose, through PipeWire: needs no kernel module."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import i420_to_yuy2, round_up_to_even
from rimlight.sinks.camera_frames import check_opaque, make_camera_i420
from rimlight.system.pipewire import CameraStream, StreamState

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""How often it looks for a daemon that is gone."""
CHECK_INTERVAL_S = 0.05
"""How often it is worth asking whether a program watches: it costs some microseconds."""
_DEFAULT_RATE = Fraction(30)


class PipeWireSink:
    """Sends each frame to the programs that watch; it waits for none of them.

    Frames are converted only while a program watches. Frames of another size than the camera's are
    stretched to it. The camera comes back after the daemon was restarted.

    Args:
        options: how the camera appears.
        info: the run's source.
        clock: monotonic seconds.

    Raises:
        SinkError: there is no PipeWire library or no daemon.
    """

    class Options(options.Options):
        """Options of the PipeWire camera."""

        positional: ClassVar[str | None] = "name"

        name: Annotated[
            str,
            Field(min_length=1, max_length=100, description="name that programs list it by"),
        ] = "Rimlight"
        fps: Annotated[
            options.Rate | None, Field(description="that it announces; None: the source's")
        ] = None
        size: Annotated[options.Size | None, Field(description="in pixels; None: the source's")] = (
            None
        )

    def __init__(
        self, options: Options, info: SourceInfo, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = round_up_to_even(options.size or info.size)
        self._rate = Fraction(options.fps or info.rate or _DEFAULT_RATE).limit_denominator(1001)
        self._name = options.name
        self._clock = clock
        self._retry_at = 0.0
        self._is_closed = False
        self._stream = self._open_stream()

    @property
    def rate(self) -> float:
        """Frames a second that it announces."""
        return float(self._rate)

    @property
    def device(self) -> str:
        """What it is called, for people."""
        return f"PipeWire camera {self._name}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: which programs see it."""
        return (
            f'choose the camera "{self._name}" in OBS, Firefox, Chrome and others that use '
            "PipeWire; programs that open /dev/video* only, such as Zoom, need v4l2loopback: "
            "rimlight setup-camera",
        )

    def has_consumer(self) -> bool:
        """Return True if a program watches. Any thread."""
        return self._stream.state is StreamState.STREAMING

    def open_consumer_counter(self) -> PipeWireConsumerCounter:
        """Return what tells whether a program watches."""
        return PipeWireConsumerCounter(self)

    def write(self, frame: Frame) -> None:
        """Send one frame.

        Raises:
            SinkError: the frame is transparent, which no camera is.
            ValueError: the sink is closed.
        """
        if self._is_closed:
            raise ValueError("write to a closed sink")
        check_opaque(frame)
        if self._stream.state <= StreamState.UNCONNECTED:
            self._reopen()
        self._stream.send(
            lambda picture: i420_to_yuy2(make_camera_i420(frame, self._size), picture),
            time.monotonic_ns(),
        )

    def close(self) -> None:
        """Remove the camera."""
        self._is_closed = True
        self._stream.close()

    def abort(self) -> None:
        """Remove the camera."""
        self.close()

    def _open_stream(self) -> CameraStream:
        name = re.sub(r"[^a-z0-9]+", "-", self._name.lower()).strip("-")
        return CameraStream(self._size, self._rate, name=name or "rimlight", label=self._name)

    def _reopen(self) -> None:
        """Open the camera at the daemon that runs now, if it is time to look for one."""
        now = self._clock()
        if now < self._retry_at:
            return
        self._retry_at = now + RETRY_S
        self._stream.close()
        try:
            self._stream = self._open_stream()
        except SinkError as exc:
            log.debug("%s", exc)


class PipeWireConsumerCounter:
    """Tells whether a program watches a PipeWire camera.

    Args:
        sink: the camera; it stays the caller's.
    """

    interval_s = CHECK_INTERVAL_S

    def __init__(self, sink: PipeWireSink) -> None:
        self._sink = sink

    def count(self) -> int:
        """Return 1 if a program watches, without waiting; PipeWire does not tell how many."""
        return int(self._sink.has_consumer())

    def close(self) -> None:
        """Do nothing: the sink closes its camera."""
