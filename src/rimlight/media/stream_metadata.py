"""What a container promises of its video: how many frames, how long, and from when on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from rimlight.media.container import open_again
from rimlight.media.timestamps import FALLBACK_TICK, may_jump, rate_of
from rimlight.system.av import av

_MICROSECONDS = 1_000_000
_FAR_S = 10
"""A clock without a zero of its own that begins later than this is counted from its start."""


@dataclass(frozen=True)
class Announced:
    """What the container promises of its video.

    Attributes:
        frames: their exact number, None when the container does not know.
        end: when the last one ends, in seconds after the first one starts.
        rate: how many a second, on average.
        is_whole: the file is known to reach as far as its header says, so `end` can be believed.
    """

    frames: int | None
    end: Fraction | None
    rate: Fraction | None
    is_whole: bool = False

    @property
    def count(self) -> int | None:
        """How many frames to expect, estimated if need be."""
        if self.frames is not None or self.end is None or self.rate is None:
            return self.frames
        return max(1, round(self.end * self.rate))

    def is_short(self, frames: int, end: Fraction) -> bool:
        """Return True if `frames` frames until `end` are markedly less than promised.

        Containers are a little wrong now and then, so 5 % (at least two frames, or a second where
        only the duration is known) may be missing.
        """
        if self.frames is not None:
            return self.frames - frames > max(2, self.frames * 0.05)
        if self.is_whole or self.end is None:
            return False
        return self.end - end > max(Fraction(1), self.end / 20)

    def last_length(self, own: Fraction, *, since: Fraction, gap: Fraction) -> Fraction:
        """Return how long the last frame is shown, in seconds.

        Args:
            own: what the frame's packet says; 0 where the container stores nothing of the kind.
            since: the time from the first frame to the last one.
            gap: how long the frame before was shown.
        """
        left = self.end - since if self.end is not None else Fraction(0)
        if 0 < left < 2 * gap or (self.is_whole and left > 0):
            return left
        return own if own > gap / 2 else gap


def announced(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path | None = None
) -> Announced:
    """Read from the headers how much video to expect.

    Args:
        container: the open film.
        stream: its picture track.
        path: the local file, where there is one.
    """
    entries = list(stream.index_entries)
    frames = stream.frames or None
    is_whole = path is not None and _reaches_its_end(path, container.format.name)
    if frames and (len(entries) == frames or (is_whole and entries)):
        # An MP4 cut without re-encoding counts the frames before the cut, and hides them. Entries
        # without bytes, and frames without entries (AVI), mean "show the last one".
        frames = sum(not entry.is_discard and entry.size > 0 for entry in entries)
    end = _duration(container, stream)
    indexed = _indexed_length(entries, stream) if len(entries) == stream.frames else None
    if end is not None and indexed is not None and indexed[0] >= end:
        end = indexed[1]  # a browser's recorder writes a thirtieth of the length
    return Announced(frames, end, rate_of(container, stream), is_whole)


def clock_origin(
    container: av.container.InputContainer, stream: av.VideoStream, first: Fraction
) -> Fraction:
    """Return the moment of the container's clock to count from; 0 for the clock's own zero.

    Times below zero fit no container, and a broadcast's clock starts anywhere. All streams are
    counted from the earliest start of any of them then.

    Args:
        container: the open film.
        stream: its picture track.
        first: when its first picture is shown, in seconds.
    """
    if first >= 0 and not (may_jump(container) and first > _FAR_S):
        return Fraction(0)
    tick = stream.time_base or FALLBACK_TICK
    start = first
    if container.start_time is not None:
        start = min(start, Fraction(container.start_time, _MICROSECONDS))
    if first - start > _FAR_S:
        start = first
    return start // tick * tick


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska counts from zero, wherever the first frame is
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return end - (stream.start_time or 0) * (stream.time_base or 0)
    if container.duration and len(container.streams) == 1:  # else the sound may be the longer one
        return Fraction(container.duration, _MICROSECONDS)
    return None


def _indexed_length(
    entries: Sequence[Any], stream: av.VideoStream
) -> tuple[Fraction, Fraction] | None:
    """Return when the last frame starts and ends after the first one, by an index of all."""
    shown = [entry.timestamp for entry in entries if not entry.is_discard]
    if len(shown) < 2 or stream.time_base is None:
        return None
    usual = round(Fraction(shown[-1] - shown[0], len(shown) - 1))
    last = shown[-1] - shown[0]
    return last * stream.time_base, (last + usual) * stream.time_base


def _reaches_its_end(path: Path, format_name: str) -> bool:
    """Return True if a Matroska or AVI file is as long as its own header says."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if "matroska" in format_name:
                return _segment_end(file, size) <= size
            return format_name == "avi" and _riff_end(file, size) <= size
    except (OSError, ValueError):
        return False


def _segment_end(file: BinaryIO, size: int) -> int:
    """Return where the Segment of a Matroska file ends (RFC 8794: EBML header, then Segment)."""
    for _ in range(2):
        identity = _vint(file, keep_marker=True)
        length = _vint(file)
        if identity == 0x18538067:
            return file.tell() + length
        file.seek(length, os.SEEK_CUR)
    return size + 1


def _vint(file: BinaryIO, *, keep_marker: bool = False) -> int:
    first = file.read(1)
    if not first or not first[0]:
        raise ValueError("not a variable-size integer")
    more = 8 - first[0].bit_length()
    value = first[0] if keep_marker else first[0] & (0x7F >> more)
    data = file.read(more)
    if not keep_marker and value == 0x7F >> more and data == b"\xff" * more:
        raise ValueError("the size is not known")
    return value << 8 * more | int.from_bytes(data, "big")


def _riff_end(file: BinaryIO, size: int) -> int:
    """Return where the last RIFF chunk of an AVI file ends; long ones have several."""
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


_TIME_CODE = "time code"


def tracks_left_out(
    container: av.container.InputContainer, chosen: av.VideoStream
) -> tuple[str, ...]:
    """Return what to call each track that is neither `chosen`, nor sound, subtitles or a font.

    A time code that is only a tag counts as a track: muxers make one of it.
    """
    names = list(_named(container, chosen))
    tags = [*container.metadata, *chosen.metadata]
    if _TIME_CODE not in names and any(tag.lower() == "timecode" for tag in tags):
        names.append(_TIME_CODE)
    return tuple(names)


def _named(container: av.container.InputContainer, chosen: av.VideoStream) -> Iterator[str]:
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
            yield "cover picture"
        elif stream.codec_context is None:
            yield "picture track of an unknown codec"
        else:
            context = stream.codec_context
            assert isinstance(context, av.VideoCodecContext)
            yield f"picture track ({context.name}, {context.width}x{context.height})"


Size = tuple[int, int]

_FROM_BROWSERS = frozenset({"vp8", "vp9", "av1"})
"""Codecs of calls and their recordings, which start small and grow within seconds."""

_READ_BYTES = 32 << 20
_MOST_KEYS = 64
_JUMPS = 16


def largest_size(path: Path, stream: av.VideoStream) -> Size | None:
    """Return the (width, height) with the most pixels among some key frames of a film.

    It looks at the start of the film and at moments spread over it, not at every key frame. Only
    kinds of film that can change their size are looked at.

    Args:
        path: the file; it is opened once more.
        stream: its picture track.

    Returns:
        None where nothing was looked at.
    """
    starts_small = stream.codec_context.name in _FROM_BROWSERS
    if not (starts_small or stream.container.format.name == "mpegts"):
        return None
    try:
        with open_again(path) as film:
            own = film.streams[stream.index]
            assert isinstance(own, av.VideoStream)
            own.codec_context.thread_count = 1
            sizes = [*(_at_start(film, own) if starts_small else ()), *_spread(film, own)]
    except (av.error.FFmpegError, IndexError):
        return None
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _at_start(film: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Size]:
    """Yield the sizes of the first key frames."""
    read = keys = 0
    for packet in film.demux(stream):
        read += packet.size
        if packet.size and packet.is_keyframe:
            keys += 1
            yield from _size_of(packet, stream)
        if read > _READ_BYTES or keys >= _MOST_KEYS:
            return


def _spread(film: av.container.InputContainer, stream: av.VideoStream) -> Iterator[Size]:
    """Yield the sizes of key frames at even distances."""
    if not film.duration:
        return
    start = film.start_time or 0
    for number in range(_JUMPS):
        film.seek(start + film.duration * number // _JUMPS)
        key = next((packet for packet in film.demux(stream) if packet.is_keyframe), None)
        if key is not None and key.size:
            yield from _size_of(key, stream)


def _size_of(key: av.Packet[av.VideoStream], stream: av.VideoStream) -> Iterator[Size]:
    context = stream.codec_context
    try:
        pictures = [*context.decode(key), *context.decode(None)]
    except av.error.FFmpegError:
        pictures = []
    context.flush_buffers()
    for picture in pictures[:1]:
        yield picture.width, picture.height
