"""Find the largest frame of a film whose frames may change their size, by a look at key frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.media.opening import open_again
from rimlight.system.av import av

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
