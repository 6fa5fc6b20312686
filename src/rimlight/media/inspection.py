"""Decode a whole video file and list its facts: frames, times, size, color tags, sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.media.container import MediaLocation, VideoInput, open_video, reopen_file
from rimlight.media.decoder import Decoder
from rimlight.media.frame_conversion import (
    compute_sample_aspect,
    normalize_code_point,
    read_orientation,
)
from rimlight.media.stream_metadata import find_clock_origin, read_stream_metadata
from rimlight.media.timestamps import DEFAULT_TIME_BASE, TimestampNormalizer
from rimlight.system.av import av

_RANGES = {1: "limited", 2: "full"}
_OPAQUE = 255


@dataclass(frozen=True)
class ColorTags:
    """What a file declares about its colors; None where it declares nothing.

    Attributes:
        range: "limited" or "full".
        matrix: ITU-T H.273 code point of the matrix coefficients.
        primaries: that of the primaries.
        transfer: that of the transfer characteristics.
    """

    range: str | None
    matrix: int | None
    primaries: int | None
    transfer: int | None

    @classmethod
    def from_frame(cls, frame: av.VideoFrame) -> ColorTags:
        """Read the tags of a decoded frame."""
        return cls(
            _RANGES.get(int(frame.color_range)),
            None if frame.format.is_rgb else normalize_code_point(int(frame.colorspace)),
            normalize_code_point(int(frame.color_primaries)),
            normalize_code_point(int(frame.color_trc)),
        )


@dataclass(frozen=True)
class SoundFacts:
    """One sound track, decoded to its end.

    Attributes:
        codec: FFmpeg's name of the codec.
        channels: number of channels.
        begin: time of the first sample in seconds.
        end: time after the last sample in seconds.
        errors: packets that do not decode.
    """

    codec: str
    channels: int
    begin: Fraction
    end: Fraction
    errors: int


@dataclass(frozen=True)
class VideoFacts:
    """What a file turned out to hold when all of it was decoded.

    Attributes:
        name: the file's name.
        container: FFmpeg's names of the format.
        codec: FFmpeg's name of the codec.
        codec_tag: the four characters that name the codec in the container.
        pixel_format: FFmpeg's name.
        sizes: every upright (width, height), in order of appearance.
        sample_aspect: width to height of a pixel.
        times: of each frame in seconds, in display order.
        end: when the last frame's display ends.
        tick: the unit of the times.
        colors: the tags of the first frame.
        has_changing_colors: a later frame has other tags.
        is_transparent: a frame has a pixel that is not opaque.
        errors: frames that are damaged or do not decode.
        stored_count: number of frames that the header names, if any.
        sounds: the sound tracks.
        subtitles: number of subtitle tracks.
    """

    name: str
    container: str
    codec: str
    codec_tag: str
    pixel_format: str
    sizes: tuple[tuple[int, int], ...]
    sample_aspect: Fraction
    times: tuple[Fraction, ...]
    end: Fraction
    tick: Fraction
    colors: ColorTags
    has_changing_colors: bool
    is_transparent: bool
    errors: int
    stored_count: int | None
    sounds: tuple[SoundFacts, ...]
    subtitles: int


class Inspection:
    """Iterates (time in seconds, frame) of a file and collects its facts.

    Args:
        path: the video file.

    Raises:
        SourceOpenError: it does not open, or holds no video.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._film = open_video(MediaLocation.parse(str(path)))
        self._film.set_threads("AUTO", 2)
        self._decoder = Decoder(self._film, deinterlace=False)
        self._metadata = read_stream_metadata(self._film.container, self._film.stream, path)
        self._first: av.VideoFrame | None = None
        self._times: list[Fraction] = []
        self._sizes: dict[tuple[int, int], None] = {}
        self._tags: dict[ColorTags, None] = {}
        self._is_transparent = False
        self._stored = Fraction(0)

    def __iter__(self) -> Iterator[tuple[Fraction, av.VideoFrame]]:
        stream = self._film.stream
        clock = TimestampNormalizer(stream.time_base or DEFAULT_TIME_BASE, self._metadata.rate)
        origin: Fraction | None = None
        for frame in self._decoder:
            at = clock.normalize(frame.pts, frame.dts)
            if origin is None:
                origin = find_clock_origin(self._film.container, stream, at)
                self._orientation = read_orientation(frame)
                self._first = frame
            self._times.append(at - origin)
            self._stored = Fraction(frame.duration or 0) * (frame.time_base or 0)
            self._collect(frame)
            yield at - origin, frame

    def _collect(self, frame: av.VideoFrame) -> None:
        self._sizes[self._orientation.transform_size((frame.width, frame.height))] = None
        self._tags[ColorTags.from_frame(frame)] = None
        if not self._is_transparent:
            alpha = read_alpha(frame)
            self._is_transparent = alpha is not None and int(alpha.min()) < _OPAQUE

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    def finish(self) -> VideoFacts | None:
        """Return the facts after the iteration; None if no frame decodes."""
        first, film = self._first, self._film
        if first is None:
            return None
        return VideoFacts(
            self._path.name,
            film.container.format.name,
            film.stream.codec_context.name,
            _read_codec_tag(film),
            first.format.name,
            tuple(self._sizes),
            compute_sample_aspect(film.stream, self._orientation),
            tuple(self._times),
            self._compute_end(),
            film.stream.time_base or DEFAULT_TIME_BASE,
            next(iter(self._tags)),
            len(self._tags) > 1,
            self._is_transparent,
            self._decoder.skipped_packets
            + self._decoder.damaged_frames
            + (self._decoder.error is not None),
            self._metadata.exact_count,
            tuple(_read_sounds(self._path)),
            len(film.container.streams.subtitles),
        )

    def _compute_end(self) -> Fraction:
        times = self._times
        gap = times[-1] - times[-2] if len(times) > 1 else 1 / (self._metadata.rate or Fraction(25))
        left = self._metadata.compute_last_duration(
            self._stored, since=times[-1] - times[0], gap=gap
        )
        return times[-1] + left


def inspect_video(path: Path) -> VideoFacts | None:
    """Decode `path` to its end; return None if no frame decodes.

    Raises:
        SourceOpenError: it does not open, or holds no video.
    """
    inspection = Inspection(path)
    try:
        for _ in inspection:
            pass
        return inspection.finish()
    finally:
        inspection.close()


def read_alpha(frame: av.VideoFrame) -> NDArray[np.uint8] | None:
    """Return the alpha of a decoded frame, uint8 (height, width); None if its format has none."""
    alphas = [part for part in frame.format.components if part.is_alpha]
    if not alphas and frame.format.name != "pal8":
        return None
    if not alphas or not frame.format.is_planar:
        rgba = cast("NDArray[np.uint8]", frame.reformat(format="rgba").to_ndarray())
        return np.ascontiguousarray(rgba[..., 3])
    plane, bits = frame.planes[3], alphas[0].bits
    wide = np.dtype("<u2") if bits > 8 else np.dtype(np.uint8)
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(-1, plane.line_size)
    values = rows[: plane.height, : plane.width * wide.itemsize].copy().view(wide)
    if bits == 8:
        return cast("NDArray[np.uint8]", values)
    top = (1 << bits) - 1
    return ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)


def _read_codec_tag(film: VideoInput) -> str:
    tag = film.stream.codec_context.codec_tag
    return tag if tag.isprintable() else ""


def _read_sounds(path: Path) -> Iterator[SoundFacts]:
    with reopen_file(path) as source:
        numbers = [stream.index for stream in source.streams.audio]
    for number in numbers:
        with reopen_file(path) as source:
            yield _decode_sound(source, cast("av.AudioStream", source.streams[number]))


def _decode_sound(source: av.container.InputContainer, stream: av.AudioStream) -> SoundFacts:
    begin, end, errors = None, Fraction(0), 0
    context = stream.codec_context
    if context is None:
        return SoundFacts("unknown", 0, end, end, 1)
    for packet in _read_packets(source, stream):
        try:
            frames = context.decode(packet)
        except av.error.FFmpegError:
            errors += 1
            continue
        for frame in frames:
            at = end if frame.pts is None else Fraction(frame.pts * (frame.time_base or 0))
            begin = at if begin is None else begin
            end = at + Fraction(frame.samples, frame.sample_rate)
    return SoundFacts(
        context.codec.canonical_name, context.channels, begin or Fraction(0), end, errors
    )


def _read_packets(source: av.container.InputContainer, stream: av.AudioStream) -> Iterator[Any]:
    try:
        yield from source.demux(stream)
    except av.error.FFmpegError:
        yield None
