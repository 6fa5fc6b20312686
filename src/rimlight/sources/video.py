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
from rimlight.core.hdr_image import HdrImage
from rimlight.core.protocols import SourceTraits
from rimlight.core.wording import join_names
from rimlight.media.container import MediaLocation, VideoInput, open_video
from rimlight.media.frame_conversion import YuvConverter, compute_sample_aspect
from rimlight.media.hdr_conversion import HdrReader, read_hdr_info
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
from rimlight.sources.frame_reader import TimedFrameReader, TrimRange
from rimlight.system.av import av
from rimlight.system.cpu import count_usable_cores

_log = logging.getLogger(__name__)

_BURSTS = frozenset({"hls", "dash"})
_LONGEST_BURST_S = 30.0


class VideoSource(SourceTraits):
    """Reads a video file, or an RTSP, RTMP, UDP or HTTP stream, as I420 frames.

    Transparent videos become BGR frames with alpha, like images.

    Timestamps are those of the container, rotated frames are turned upright, and a damaged file
    yields every frame that decodes before it raises.

    Raises:
        SourceOpenError: it does not open, holds no video, or no frame of it decodes; it
            has no frame at the requested start.
        ConfigError: the requested end is not after the start.
    """

    has_media_clock = True

    class Options(options.Options):
        """What to open."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[
            options.FileName, Field(min_length=1, description="a file or an address with ://")
        ]
        timeout_s: Annotated[
            float, Field(gt=0, description="maximum seconds without data from a network stream")
        ] = 10.0
        transport: Annotated[Literal["tcp", "udp"], Field(description="transport of RTSP")] = "tcp"
        start_s: Annotated[
            options.Seconds, Field(ge=0, description="start time; earlier frames are skipped")
        ] = Fraction(0)
        end_s: Annotated[
            options.Seconds | None, Field(gt=0, description="end time; later frames are skipped")
        ] = None
        stride: Annotated[int, Field(ge=1, description="use every Nth frame")] = 1
        max_size: Annotated[
            options.Size | None, Field(description="scale larger frames down to fit into this size")
        ] = None
        threads: Annotated[
            int, Field(ge=0, le=64, description="decoder threads; 0: half of the cores")
        ] = 0
        tone_map: Annotated[
            bool,
            Field(description="read HDR as SDR: its light is compressed (ITU-R BT.2390)"),
        ] = False
        deinterlace: Annotated[
            bool, Field(description="make interlaced frames progressive (FFmpeg's bwdif)")
        ] = True

        @property
        def trim_range(self) -> TrimRange:
            """The range of frames to read."""
            return TrimRange(self.start_s, self.end_s, self.stride)

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
        """All frames were read, or all that could be read."""
        self._location = MediaLocation.parse(options.path)
        film = open_video(self._location, timeout_s=options.timeout_s, transport=options.transport)
        try:
            self._set_up(film, options)
        except BaseException:
            film.close()
            raise

    def _set_up(self, film: VideoInput, options: Options) -> None:
        # Frame threads are faster, but delay as many frames as there are threads.
        threads = options.threads or max(1, count_usable_cores() // 2)
        film.set_threads("SLICE" if film.is_live else "AUTO", threads)
        self._metadata = read_stream_metadata(
            film.container, film.stream, self._location.reopenable_path
        )
        self._trim_range = options.trim_range
        self._reader = TimedFrameReader(
            film, whole=self._metadata, trim_range=self._trim_range, deinterlace=options.deinterlace
        )
        first = self._get_first_picture()
        self._hdr_info = read_hdr_info(first)
        self._tone_map = options.tone_map or film.is_live
        self._hdr: HdrReader | None = None
        if self._hdr_info is not None:
            self._hdr = HdrReader(first, self._hdr_info, tone_map=self._tone_map)
            first = self._hdr.to_sdr(first)
        largest = self._find_larger_size(first, film)
        self._converter = YuvConverter(first, options.max_size, largest=largest)
        self._has_alpha = (
            self._converter.layout == "bgr" and self._converter.convert(first)[1] is not None
        )
        start = self._reader.start()
        if start is None:
            raise SourceOpenError(
                f"{self._location.name} has no frame from {float(options.start_s):g} s on",
                hint="choose an earlier start; `ffprobe FILE` tells how long it is",
            )
        # A range begins at zero; a whole video keeps the times of its container.
        own_zero = find_clock_origin(film.container, film.stream, start)
        self._origin = start if options.start_s else own_zero
        self._arrivals = _make_arrival_clock(film) if film.is_live else None
        self.info = self._describe(film)

    @property
    def skipped_packets(self) -> int:
        """The number of packets that could not be decoded so far."""
        return self._reader.decoder.skipped_packets

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the stream or the requested range ends, or is closed.

        Raises:
            SourceReadError: the stream broke off, or had clearly fewer frames than announced; all
                frames that could be decoded were yielded.
        """
        yield from (
            self._iterate() if self.info.is_live else self._set_last_duration(self._iterate())
        )
        self.is_exhausted = True
        self._check_end()

    def _iterate(self) -> Iterator[Frame]:
        for index, (picture, at) in enumerate(self._reader):
            now = time.monotonic()
            shown = picture if self._hdr is None else self._hdr.to_sdr(picture)
            image, alpha = self._converter.convert(shown)
            yield Frame(
                image,
                self._converter.layout,
                self.info.size,
                index,
                self._arrivals.estimate(at, now) if self._arrivals else at - self._origin,
                now,
                self._converter.color,
                alpha,
                sample_aspect=self.info.sample_aspect,
                hdr=self._read_samples(picture),
            )

    def _read_samples(self, picture: av.VideoFrame) -> HdrImage | None:
        """Return the HDR samples of a frame; None if they are not kept."""
        if self._hdr is None or self._tone_map:
            return None
        converter = self._converter
        stored = converter.orientation.transform_size(converter.size)
        return self._hdr.read_samples(picture, stored, converter.orientation)

    def _set_last_duration(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield `frames`; set the duration of the last one."""
        held: Frame | None = None
        for frame in frames:
            if held is not None:
                yield held
            held = frame
        if held is not None and not self._reader.decoder.is_closed:
            shown = self._reader.end - self._origin - held.pts
            yield replace(held, duration=shown if shown > 0 else None)

    def resume(self, pts: Fraction, *, lead_s: Fraction) -> None:
        """Skip the frames between the first one and `lead_s` seconds before `pts`.

        The first frame is still yielded, for components that count time from it. `pts` is the time
        of a frame of the iteration; call this before it begins. If the file allows a seek, the
        skipped frames are not decoded either.
        """
        self._reader.resume(pts + self._origin, lead_s=lead_s)

    def close(self) -> None:
        """Close the file or connection, after a read in another thread has ended."""
        self._reader.decoder.close()

    def _get_first_picture(self) -> av.VideoFrame:
        if self._reader.first is not None:
            return self._reader.first
        error = self._reader.decoder.error
        reason = self._describe_error(error) if error else "not one frame"
        hint = "the file is damaged or cut short, or its codec is unknown to this FFmpeg"
        if self._location.is_pipe:
            hint = "an MP4 with its index at the end cannot be read from a pipe: give the file"
        elif self._location.path is None:
            hint = "download it first: its server may not give single parts of a file"
        raise SourceOpenError(
            f"no picture of {self._location.name} can be decoded ({reason})", hint=hint
        )

    def _find_larger_size(self, first: av.VideoFrame, film: VideoInput) -> tuple[int, int] | None:
        """Return the size of later frames if they are larger than the first."""
        size = (
            find_largest_size(film.location.reopenable_path, film.stream)
            if film.location.reopenable_path
            else None
        )
        if size is None or size[0] * size[1] <= first.width * first.height:
            return None
        self._growth = (
            f"{self._location.name} grows from {first.width}x{first.height} to "
            f"{size[0]}x{size[1]}; all its frames are fitted into that"
        )
        return size

    def _describe(self, film: VideoInput) -> SourceInfo:
        promised, is_live = self._trim_range.trim_metadata(self._metadata), film.is_live
        return SourceInfo(
            self._location.name,
            self._converter.size,
            rate=promised.rate,
            count=None if is_live else promised.estimated_count,
            is_live=is_live,
            time_base=ARRIVAL_TIME_BASE if is_live else film.stream.time_base or DEFAULT_TIME_BASE,
            duration_s=None if is_live or promised.duration is None else float(promised.duration),
            color=self._converter.color,
            sample_aspect=compute_sample_aspect(film.stream, self._converter.orientation),
            media_path=self._location.reopenable_path,
            start_offset=self._origin,
            primaries=self._converter.primaries,
            transfer=self._converter.transfer,
            hdr=None if self._tone_map else self._hdr_info,
            has_alpha=self._has_alpha,
            notes=self._list_notes(film),
        )

    def _list_notes(self, film: VideoInput) -> tuple[str, ...]:
        """Return notes for the user on how the video is read."""
        name, notes = self._location.name, [self._converter.note, self._growth]
        if self._hdr_info is not None:
            curve = self._hdr_info.form.transfer.upper()
            done = "tone-mapped to SDR" if self._tone_map else "kept; tone_map=true makes it SDR"
            notes.append(f"{name} is HDR ({curve}): {done}")
        if self._reader.is_interlaced:
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
        if not film.is_live and has_no_timestamps(film.container) and (rate := self._metadata.rate):
            notes.append(f"{name} stores no times; {float(rate):.6g} frames a second are assumed")
        return tuple(note for note in notes if note)

    def _check_end(self) -> None:
        decoder, name = self._reader.decoder, self._location.name
        count = self._reader.count
        if decoder.is_closed or self._reader.is_trimmed:
            return
        if decoder.damaged_frames:
            _log.warning("%d of %d frames of %s are damaged", decoder.damaged_frames, count, name)
        if self.info.is_live:
            self._check_live_end()
            return
        # Containers do not agree whether a duration counts from zero or from the first frame.
        end = max(self._reader.end, self._reader.end - self._reader.begin)
        partial = self._reader.has_seeked or self._trim_range.start_s or decoder.has_discontinuities
        is_short = not partial and self._metadata.is_truncated(count, end)
        if decoder.error or decoder.skipped_packets or is_short:
            of = f" of {self._metadata.estimated_count}" if self._metadata.estimated_count else ""
            raise SourceReadError(
                f"{name} is damaged or cut short: {count}{of} frames could be read",
                hint="what could be read was processed; get the file again for the rest",
            ) from decoder.error

    def _check_live_end(self) -> None:
        error = self._reader.decoder.error
        if error is not None:
            raise SourceReadError(
                f"{self._location.name} broke off: {self._describe_error(error)}",
                hint="check the camera and the network",
            ) from error

    def _describe_error(self, error: av.error.FFmpegError) -> str:
        if isinstance(error, av.error.ExitError):
            return f"no data for {self._timeout_s:g} s"
        return str(error.strerror or error).lower()


def _make_arrival_clock(film: VideoInput) -> ArrivalClock:
    """Return the clock of a live stream; HLS and DASH deliver segments of seconds in bursts."""
    if film.container.format.name in _BURSTS:
        return ArrivalClock(_LONGEST_BURST_S, is_trusted=True)
    return ArrivalClock()
