"""Video files and network streams, decoded by PyAV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rimlight import options
from rimlight.errors import SourceOpenError, SourceReadError
from rimlight.frame import Frame, SourceInfo
from rimlight.libav import av
from rimlight.sources.container import (
    Announced,
    Target,
    announced,
    open_container,
    video_stream,
)
from rimlight.sources.decoder import Decoder
from rimlight.sources.planes import PlaneReader
from rimlight.sources.timeline import Timeline

_log = logging.getLogger(__name__)

_FALLBACK_TICK = Fraction(1, 90_000)


class VideoSource:
    """Reads a video file, or an RTSP, RTMP, UDP or HTTP stream, as I420 frames.

    Time stamps are the container's own, turned pictures are put upright, and a damaged file gives
    all the frames that decode before it raises.

    Raises:
        SourceOpenError: it does not open, holds no video, or not one frame of it decodes.
    """

    class Options(options.Options):
        """What to open."""

        main: ClassVar[str | None] = "path"

        path: Annotated[str, Field(min_length=1, description="a file or an address with ://")]
        timeout_s: Annotated[
            float, Field(gt=0, description="how long a network stream may be silent")
        ] = 10.0
        transport: Annotated[
            Literal["tcp", "udp"], Field(description="how RTSP brings its packets")
        ] = "tcp"

    def __init__(self, options: Options) -> None:
        self._timeout_s = options.timeout_s
        self._target = Target.parse(options.path)
        container = open_container(
            self._target, timeout_s=options.timeout_s, transport=options.transport
        )
        try:
            self._set_up(container)
        except BaseException:
            container.close()
            raise

    def _set_up(self, container: av.container.InputContainer) -> None:
        stream = video_stream(container, self._target)
        is_live = _is_live(self._target, container)
        # Threads that work on one frame each are faster, and hold as many frames back.
        stream.codec_context.thread_type = "SLICE" if is_live else "AUTO"
        self._time_base = stream.time_base or _FALLBACK_TICK
        self._announced = announced(container, stream)
        self._decoder = Decoder(container, stream)
        self._pictures = iter(self._decoder)
        first = self._first_picture()
        self._planes = PlaneReader(first)
        self._pending = [first]
        self.info = self._describe(stream, is_live)

    @property
    def skipped(self) -> int:
        """How many packets could not be decoded so far."""
        return self._decoder.skipped

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the stream ends or is closed.

        Raises:
            SourceReadError: the stream broke off, or markedly fewer frames came than announced;
                all that could be decoded were yielded.
        """
        timeline = Timeline(self._time_base, self._announced.rate)
        pending, self._pending = self._pending, []
        first = last = Fraction(0)
        count = 0
        for picture in chain(_drain(pending), self._pictures):
            last = timeline.at(picture.pts, picture.dts)
            first = first if count else last
            yield Frame.from_i420(
                self._planes.read(picture),
                size=self.info.size,
                index=count,
                pts=last,
                captured=time.monotonic(),
                colour=self._planes.colour,
            )
            count += 1
        # Containers do not agree whether a duration counts from zero or from the first frame.
        self._check_end(count, max(last, last - first))

    def close(self) -> None:
        """Close the file or connection; a read under way in another thread ends first."""
        self._decoder.close()

    def _first_picture(self) -> av.VideoFrame:
        picture = next(self._pictures, None)
        if picture is not None:
            return picture
        reason = self._reason(self._decoder.error) if self._decoder.error else "not one frame"
        raise SourceOpenError(
            f"no picture of {self._target.name} can be decoded ({reason})",
            hint="the file is damaged or cut short, or its codec is unknown to this FFmpeg",
        )

    def _describe(self, stream: av.VideoStream, is_live: bool) -> SourceInfo:
        aspect = stream.sample_aspect_ratio or Fraction(1)
        promised: Announced = self._announced
        return SourceInfo(
            self._target.name,
            self._planes.size,
            rate=promised.rate,
            count=None if is_live else promised.count,
            is_live=is_live,
            time_base=self._time_base,
            duration_s=None if is_live or promised.end is None else float(promised.end),
            colour=self._planes.colour,
            sample_aspect=1 / aspect if self._planes.orientation.transpose else aspect,
            container=self._target.path,
            notes=(self._planes.note,) if self._planes.note else (),
        )

    def _check_end(self, count: int, last: Fraction) -> None:
        decoder, name = self._decoder, self._target.name
        if decoder.closed:
            return
        if decoder.damaged:
            _log.warning("%d of %d frames of %s are damaged", decoder.damaged, count, name)
        if self.info.is_live:
            self._check_live_end()
            return
        end = last + (1 / self._announced.rate if self._announced.rate else 0)
        if decoder.error or decoder.skipped or self._announced.is_short(count, end):
            of = f" of {self._announced.count}" if self._announced.count else ""
            raise SourceReadError(
                f"{name} is damaged or cut short: {count}{of} frames could be read",
                hint="what could be read was processed; get the file again for the rest",
            ) from decoder.error

    def _check_live_end(self) -> None:
        error = self._decoder.error
        if error is not None:
            raise SourceReadError(
                f"{self._target.name} broke off: {self._reason(error)}",
                hint="check the camera and the network",
            ) from error

    def _reason(self, error: av.error.FFmpegError) -> str:
        if isinstance(error, av.error.ExitError):
            return f"no data for {self._timeout_s:g} s"
        return str(error.strerror or error).lower()


def _is_live(target: Target, container: av.container.InputContainer) -> bool:
    """Say whether frames come in real time: a network stream that knows no end."""
    if target.path:
        return False
    return not target.scheme.startswith("http") or not container.duration


def _drain(pictures: list[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield and forget: a decoded picture that is held keeps its memory from the decoder."""
    while pictures:
        yield pictures.pop(0)
