"""Video files and network streams, decoded by PyAV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.core.wording import join_names
from rimlight.media.container import MediaLocation, VideoInput, open_video
from rimlight.media.frame_conversion import YuvConverter, check_not_hdr, compute_sample_aspect
from rimlight.media.stream_metadata import (
    find_clock_origin,
    find_largest_size,
    list_dropped_tracks,
    read_stream_metadata,
)
from rimlight.media.timestamps import (
    ARRIVAL_TIME_BASE,
    DEFAULT_TIME_BASE,
    ArrivalClock,
    has_no_timestamps,
)
from rimlight.sources.frame_reader import Span, StampedPictures
from rimlight.system.av import av
from rimlight.system.cpu import count_usable_cores

_log = logging.getLogger(__name__)

_BURSTS = frozenset({"hls", "dash"})
_LONGEST_BURST_S = 30.0


class VideoSource(SourceTraits):
    """Reads a video file, or an RTSP, RTMP, UDP or HTTP stream, as I420 frames.

    Transparent videos come as BGR frames with alpha, as pictures do.

    Time stamps are the container's own, turned pictures are put upright, and a damaged file gives
    all the frames that decode before it raises.

    Raises:
        SourceOpenError: it does not open, holds no video, or not one frame of it decodes; it is
            HDR, or has no frame at the start asked for.
        ConfigError: the end asked for is not after the start.
    """

    has_media_clock = True

    class Options(options.Options):
        """What to open."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[
            options.FileName, Field(min_length=1, description="a file or an address with ://")
        ]
        timeout_s: Annotated[
            float, Field(gt=0, description="how long a network stream may be silent")
        ] = 10.0
        transport: Annotated[
            Literal["tcp", "udp"], Field(description="how RTSP brings its packets")
        ] = "tcp"
        start_s: Annotated[
            options.Seconds, Field(ge=0, description="leave out what is before, from 0 on")
        ] = Fraction(0)
        end_s: Annotated[
            options.Seconds | None, Field(gt=0, description="leave out what is after")
        ] = None
        stride: Annotated[int, Field(ge=1, description="use every Nth frame")] = 1
        max_size: Annotated[
            options.Size | None, Field(description="scale larger pictures down to fit into it")
        ] = None
        threads: Annotated[
            int, Field(ge=0, le=64, description="of the decoder; 0: half of the cores")
        ] = 0
        deinterlace: Annotated[
            bool, Field(description="make interlaced frames progressive (FFmpeg's bwdif)")
        ] = True

        @property
        def span(self) -> Span:
            """The part that is wanted."""
            return Span(self.start_s, self.end_s, self.stride)

    def __init__(self, options: Options) -> None:
        if options.end_s is not None and options.end_s <= options.start_s:
            raise ConfigError(
                f"the end ({float(options.end_s):g} s) is not after the start "
                f"({float(options.start_s):g} s)",
                hint="both count in seconds from the first frame",
            )
        self._timeout_s = options.timeout_s
        self._growth: str | None = None
        self._deinterlace = options.deinterlace
        self.is_exhausted = False
        """All frames were taken, or all that could be read."""
        self._target = MediaLocation.parse(options.path)
        film = open_video(self._target, timeout_s=options.timeout_s, transport=options.transport)
        try:
            self._set_up(film, options)
        except BaseException:
            film.close()
            raise

    def _set_up(self, film: VideoInput, options: Options) -> None:
        # Threads that work on one frame each are faster, and hold as many frames back.
        threads = options.threads or max(1, count_usable_cores() // 2)
        film.set_threads("SLICE" if film.is_live else "AUTO", threads)
        self._whole = read_stream_metadata(
            film.container, film.stream, self._target.reopenable_path
        )
        self._span = options.span
        self._stamped = StampedPictures(
            film, whole=self._whole, span=self._span, deinterlace=options.deinterlace
        )
        first = self._first_picture()
        check_not_hdr(first, self._target.name)
        largest = self._larger(first, film)
        self._planes = YuvConverter(first, options.max_size, largest=largest)
        self._alpha = self._planes.layout == "bgr" and self._planes.convert(first)[1] is not None
        start = self._stamped.start()
        if start is None:
            raise SourceOpenError(
                f"{self._target.name} has no frame from {float(options.start_s):g} s on",
                hint="choose an earlier start; `ffprobe FILE` tells how long it is",
            )
        # A part begins at zero; a whole video keeps the times that its container gives.
        own_zero = find_clock_origin(film.container, film.stream, start)
        self._origin = start if options.start_s else own_zero
        self._arrivals = _arrivals(film) if film.is_live else None
        self.info = self._describe(film)

    @property
    def skipped(self) -> int:
        """How many packets could not be decoded so far."""
        return self._stamped.decoder.skipped_packets

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the stream, or the part of it that is wanted, ends or is closed.

        Raises:
            SourceReadError: the stream broke off, or markedly fewer frames came than announced;
                all that could be decoded were yielded.
        """
        yield from self._frames() if self.info.is_live else self._ending(self._frames())
        self.is_exhausted = True
        self._check_end()

    def _frames(self) -> Iterator[Frame]:
        for index, (picture, at) in enumerate(self._stamped):
            now = time.monotonic()
            image, alpha = self._planes.convert(picture)
            yield Frame(
                image,
                self._planes.layout,
                self.info.size,
                index,
                self._arrivals.estimate(at, now) if self._arrivals else at - self._origin,
                now,
                self._planes.color,
                alpha,
                sample_aspect=self.info.sample_aspect,
            )

    def _ending(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield `frames`, the last of which says how long it is shown."""
        held: Frame | None = None
        for frame in frames:
            if held is not None:
                yield held
            held = frame
        if held is not None and not self._stamped.decoder.is_closed:
            shown = self._stamped.end - self._origin - held.pts
            yield replace(held, duration=shown if shown > 0 else None)

    def resume(self, pts: Fraction, *, lead_s: Fraction) -> None:
        """Leave out what lies between the first frame and `lead_s` seconds before `pts`.

        The first frame still comes, for parts that count time from it. `pts` is the time of a
        frame that the iteration would give; call this before it begins. Where the file allows,
        what is left out is not decoded either.
        """
        self._stamped.resume(pts + self._origin, lead_s=lead_s)

    def close(self) -> None:
        """Close the file or connection; a read under way in another thread ends first."""
        self._stamped.decoder.close()

    def _first_picture(self) -> av.VideoFrame:
        if self._stamped.first is not None:
            return self._stamped.first
        error = self._stamped.decoder.error
        reason = self._reason(error) if error else "not one frame"
        hint = "the file is damaged or cut short, or its codec is unknown to this FFmpeg"
        if self._target.is_pipe:
            hint = "an MP4 with its index at the end cannot be read from a pipe: give the file"
        elif self._target.path is None:
            hint = "download it first: its server may not give single parts of a file"
        raise SourceOpenError(
            f"no picture of {self._target.name} can be decoded ({reason})", hint=hint
        )

    def _larger(self, first: av.VideoFrame, film: VideoInput) -> tuple[int, int] | None:
        """Return the size of later pictures, where they are larger than the first."""
        size = (
            find_largest_size(film.location.reopenable_path, film.stream)
            if film.location.reopenable_path
            else None
        )
        if size is None or size[0] * size[1] <= first.width * first.height:
            return None
        self._growth = (
            f"{self._target.name} grows from {first.width}x{first.height} to {size[0]}x{size[1]}; "
            "all its frames are fitted into that"
        )
        return size

    def _describe(self, film: VideoInput) -> SourceInfo:
        promised, is_live = self._span.of(self._whole), film.is_live
        return SourceInfo(
            self._target.name,
            self._planes.size,
            rate=promised.rate,
            count=None if is_live else promised.estimated_count,
            is_live=is_live,
            time_base=ARRIVAL_TIME_BASE if is_live else film.stream.time_base or DEFAULT_TIME_BASE,
            duration_s=None if is_live or promised.duration is None else float(promised.duration),
            color=self._planes.color,
            sample_aspect=compute_sample_aspect(film.stream, self._planes.orientation),
            media_path=self._target.reopenable_path,
            start_offset=self._origin,
            primaries=self._planes.primaries,
            transfer=self._planes.transfer,
            has_alpha=self._alpha,
            notes=self._notes(film),
        )

    def _notes(self, film: VideoInput) -> tuple[str, ...]:
        """Return what the user should know of how the film is read."""
        name, notes = self._target.name, [self._planes.note, self._growth]
        if self._stamped.interlaced:
            done = "made progressive" if self._deinterlace else "left as they are"
            notes.append(f"{name} is interlaced: its frames are {done} (source option deinterlace)")
        if film.location.is_pipe:
            notes.append(f"{name} is a pipe: it is read once, without its sound and tags")
        elif film.location.path is None and not film.is_live and film.container.streams.audio:
            notes.append(
                f"{name} is an address: its sound and tags stay behind; download it to keep them"
            )
        if others := list_dropped_tracks(film.container, film.stream):
            notes.append(f"{name}: left out: {join_names(others)}")
        if not film.is_live and has_no_timestamps(film.container) and (rate := self._whole.rate):
            notes.append(f"{name} stores no times; {float(rate):.6g} frames a second are assumed")
        return tuple(note for note in notes if note)

    def _check_end(self) -> None:
        decoder, name = self._stamped.decoder, self._target.name
        count = self._stamped.count
        if decoder.is_closed or self._stamped.cut:
            return
        if decoder.damaged_frames:
            _log.warning("%d of %d frames of %s are damaged", decoder.damaged_frames, count, name)
        if self.info.is_live:
            self._check_live_end()
            return
        # Containers do not agree whether a duration counts from zero or from the first frame.
        end = max(self._stamped.end, self._stamped.end - self._stamped.begin)
        partial = self._stamped.jumped or self._span.start_s or decoder.has_discontinuities
        is_short = not partial and self._whole.is_truncated(count, end)
        if decoder.error or decoder.skipped_packets or is_short:
            of = f" of {self._whole.estimated_count}" if self._whole.estimated_count else ""
            raise SourceReadError(
                f"{name} is damaged or cut short: {count}{of} frames could be read",
                hint="what could be read was processed; get the file again for the rest",
            ) from decoder.error

    def _check_live_end(self) -> None:
        error = self._stamped.decoder.error
        if error is not None:
            raise SourceReadError(
                f"{self._target.name} broke off: {self._reason(error)}",
                hint="check the camera and the network",
            ) from error

    def _reason(self, error: av.error.FFmpegError) -> str:
        if isinstance(error, av.error.ExitError):
            return f"no data for {self._timeout_s:g} s"
        return str(error.strerror or error).lower()


def _arrivals(film: VideoInput) -> ArrivalClock:
    """Return what times the frames of a live stream; segments of seconds come at once."""
    if film.container.format.name in _BURSTS:
        return ArrivalClock(_LONGEST_BURST_S, is_trusted=True)
    return ArrivalClock()
