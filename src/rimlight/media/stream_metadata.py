"""Read what a container declares: frame count, duration, start, other tracks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from rimlight.media.container import reopen_file
from rimlight.media.timestamps import DEFAULT_TIME_BASE, has_discontinuous_clock, read_frame_rate
from rimlight.system.av import av

_MICROSECONDS = 1_000_000
_MAX_START_S = 10
"""If a clock with an arbitrary zero starts later than this, times count from its start."""

_TIME_CODE = "time code"

Size = tuple[int, int]

_ADAPTIVE_CODECS = frozenset({"vp8", "vp9", "av1"})
"""Codecs of video calls, which start at a low resolution and raise it within seconds."""

_MAX_READ_BYTES = 32 << 20
_MAX_KEYFRAMES = 64
_MAX_SEEKS = 16


@dataclass(frozen=True)
class StreamMetadata:
    """What the container declares about its video.

    Attributes:
        exact_count: number of frames; None if the container does not store it.
        duration: seconds from the start of the first frame to the end of the last one.
        rate: average frames per second.
        is_complete: the file is as long as its header says, so `duration` is reliable.
    """

    exact_count: int | None
    duration: Fraction | None
    rate: Fraction | None
    is_complete: bool = False

    @property
    def estimated_count(self) -> int | None:
        """Number of frames, derived from the duration if it is not stored."""
        if self.exact_count is not None or self.duration is None or self.rate is None:
            return self.exact_count
        return max(1, round(self.duration * self.rate))

    def is_truncated(self, frames: int, end: Fraction) -> bool:
        """Return True if `frames` frames until `end` are markedly fewer than declared.

        Headers are imprecise, so 5 % (at least two frames, or one second if only the duration is
        known) may be missing.
        """
        if self.exact_count is not None:
            return self.exact_count - frames > max(2, self.exact_count * 0.05)
        if self.is_complete or self.duration is None:
            return False
        return self.duration - end > max(Fraction(1), self.duration / 20)

    def compute_last_duration(self, own: Fraction, *, since: Fraction, gap: Fraction) -> Fraction:
        """Return the duration of the last frame in seconds.

        Args:
            own: duration of the frame's packet; 0 if the container does not store it.
            since: time from the first frame to the last one.
            gap: duration of the frame before.
        """
        left = self.duration - since if self.duration is not None else Fraction(0)
        if 0 < left < 2 * gap or (self.is_complete and left > 0):
            return left
        return own if own > gap / 2 else gap


def read_stream_metadata(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path | None = None
) -> StreamMetadata:
    """Read the declared frame count, duration and rate from the headers.

    Args:
        container: the open video.
        stream: its main video stream.
        path: the local file, if any.
    """
    entries = list(stream.index_entries)
    count = stream.frames or None
    is_complete = path is not None and _is_file_complete(path, container.format.name)
    if count and (len(entries) == count or (is_complete and entries)):
        # An MP4 trimmed without re-encoding counts the hidden frames before the cut. Entries
        # without data, and frames without entries (AVI), mean "repeat the last frame".
        count = sum(not entry.is_discard and entry.size > 0 for entry in entries)
    end = _read_duration(container, stream)
    indexed = _read_indexed_duration(entries, stream) if len(entries) == stream.frames else None
    if end is not None and indexed is not None and indexed[0] >= end:
        end = indexed[1]  # recordings by browsers declare a thirtieth of the duration
    return StreamMetadata(count, end, read_frame_rate(container, stream), is_complete)


def find_clock_origin(
    container: av.container.InputContainer, stream: av.VideoStream, first: Fraction
) -> Fraction:
    """Return the time of the container's clock to count from; 0 for the clock's own zero.

    Output containers cannot store negative times, and a broadcast's clock starts at an arbitrary
    time. In both cases all streams count from the earliest start of any stream.

    Args:
        container: the open video.
        stream: its main video stream.
        first: time of its first frame in seconds.
    """
    if first >= 0 and not (has_discontinuous_clock(container) and first > _MAX_START_S):
        return Fraction(0)
    tick = stream.time_base or DEFAULT_TIME_BASE
    start = first
    if container.start_time is not None:
        start = min(start, Fraction(container.start_time, _MICROSECONDS))
    if first - start > _MAX_START_S:
        start = first
    return start // tick * tick


def list_dropped_tracks(
    container: av.container.InputContainer, chosen: av.VideoStream
) -> tuple[str, ...]:
    """Return a name for each track except `chosen`, audio, subtitles and attachments.

    A time code that is only a tag counts as a track because muxers create one for it.
    """
    names = list(_describe_tracks(container, chosen))
    tags = [*container.metadata, *chosen.metadata]
    if _TIME_CODE not in names and any(tag.lower() == "timecode" for tag in tags):
        names.append(_TIME_CODE)
    return tuple(names)


def find_largest_size(path: Path, stream: av.VideoStream) -> Size | None:
    """Return the largest (width, height) among sampled keyframes of a video.

    It samples the start of the video and evenly spaced times, and only for codecs and containers
    whose frames can change their size.

    Args:
        path: the file; it is opened another time.
        stream: its main video stream.

    Returns:
        None if nothing was sampled.
    """
    starts_small = stream.codec_context.name in _ADAPTIVE_CODECS
    if not (starts_small or stream.container.format.name == "mpegts"):
        return None
    try:
        with reopen_file(path) as film:
            own = film.streams[stream.index]
            assert isinstance(own, av.VideoStream)
            own.codec_context.thread_count = 1
            sizes = [*(_scan_start(film, own) if starts_small else ()), *_scan_evenly(film, own)]
    except (av.error.FFmpegError, IndexError):
        return None
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _read_duration(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska counts from zero, wherever the first frame is
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return end - (stream.start_time or 0) * (stream.time_base or 0)
    if container.duration and len(container.streams) == 1:  # else the sound may be the longer one
        return Fraction(container.duration, _MICROSECONDS)
    return None


def _read_indexed_duration(
    entries: Sequence[Any], stream: av.VideoStream
) -> tuple[Fraction, Fraction] | None:
    """Return start and end of the last frame relative to the first one, from a full index."""
    shown = [entry.timestamp for entry in entries if not entry.is_discard]
    if len(shown) < 2 or stream.time_base is None:
        return None
    usual = round(Fraction(shown[-1] - shown[0], len(shown) - 1))
    last = shown[-1] - shown[0]
    return last * stream.time_base, (last + usual) * stream.time_base


def _is_file_complete(path: Path, format_name: str) -> bool:
    """Return True if a Matroska or AVI file is as long as its header says."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if "matroska" in format_name:
                return _find_segment_end(file, size) <= size
            return format_name == "avi" and _find_riff_end(file, size) <= size
    except (OSError, ValueError):
        return False


def _find_segment_end(file: BinaryIO, size: int) -> int:
    """Return the end of a Matroska file's Segment (RFC 8794: EBML header, then Segment)."""
    for _ in range(2):
        identity = _read_vint(file, keep_marker=True)
        length = _read_vint(file)
        if identity == 0x18538067:
            return file.tell() + length
        file.seek(length, os.SEEK_CUR)
    return size + 1


def _read_vint(file: BinaryIO, *, keep_marker: bool = False) -> int:
    first = file.read(1)
    if not first or not first[0]:
        raise ValueError("not a variable-size integer")
    more = 8 - first[0].bit_length()
    value = first[0] if keep_marker else first[0] & (0x7F >> more)
    data = file.read(more)
    if not keep_marker and value == 0x7F >> more and data == b"\xff" * more:
        raise ValueError("the size is not known")
    return value << 8 * more | int.from_bytes(data, "big")


def _find_riff_end(file: BinaryIO, size: int) -> int:
    """Return the end of the last RIFF chunk of an AVI file; long files have several."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return end if end else size + 1
        length = int.from_bytes(head[4:], "little")
        if not length:
            return size + 1
        end += 8 + length + length % 2
    return end - (end - size == 1)


def _describe_tracks(
    container: av.container.InputContainer, chosen: av.VideoStream
) -> Iterator[str]:
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams:
        if stream is chosen or stream.type in ("audio", "subtitle", "attachment"):
            continue
        if "timecode" in stream.metadata:
            yield _TIME_CODE
        elif stream.type != "video":
            facts = [stream.metadata.get("handler_name", ""), getattr(stream, "name", None) or ""]
            told = next((fact for fact in facts if fact.strip()), "")
            yield f"{stream.type} track" + (f" ({told.strip()})" if told else "")
        elif stream.disposition & cover:
            yield "cover image"
        elif stream.codec_context is None:
            yield "video track of an unknown codec"
        else:
            context = stream.codec_context
            assert isinstance(context, av.VideoCodecContext)
            yield f"video track ({context.name}, {context.width}x{context.height})"


def _scan_start(film: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Size]:
    """Yield the sizes of the first keyframes."""
    read = keys = 0
    for packet in film.demux(stream):
        read += packet.size
        if packet.size and packet.is_keyframe:
            keys += 1
            yield from _decode_size(packet, stream)
        if read > _MAX_READ_BYTES or keys >= _MAX_KEYFRAMES:
            return


def _scan_evenly(film: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Size]:
    """Yield the sizes of evenly spaced keyframes."""
    if not film.duration:
        return
    start = film.start_time or 0
    for number in range(_MAX_SEEKS):
        film.seek(start + film.duration * number // _MAX_SEEKS)
        key = next((packet for packet in film.demux(stream) if packet.is_keyframe), None)
        if key is not None and key.size:
            yield from _decode_size(key, stream)


def _decode_size(key: av.Packet[av.VideoStream], stream: av.VideoStream) -> Iterator[Size]:
    context = stream.codec_context
    try:
        frames = [*context.decode(key), *context.decode(None)]
    except av.error.FFmpegError:
        frames = []
    context.flush_buffers()
    for frame in frames[:1]:
        yield frame.width, frame.height
