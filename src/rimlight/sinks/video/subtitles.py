"""Text subtitles in the form that another container wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs
Stream: TypeAlias = "av.stream.Stream"

_TICK = Fraction(1, 1000)
_READ = ("subrip", "text", "webvtt", "mov_text", "ass", "ssa")
_WRITTEN = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TITLES = {"mov_text": "timed text", "subrip": "SubRip", "webvtt": "WebVTT"}
_ASS_FIELDS = 8  # before the text, as Matroska stores a line
_MARKS = re.compile(r"\{\\[^}]*\}|<[^<>]*>")


@dataclass(frozen=True)
class SubtitleCodec:
    """What subtitles are written as, by FFmpeg's names.

    Attributes:
        source: the input's codec.
        result: the output's.
    """

    source: str
    result: str


def choose_subtitle_codec(stream: Stream, container: str) -> SubtitleCodec | None:
    """Return how text subtitles fit into `container`; None for pictures and unknown codecs."""
    context, result = stream.codec_context, _WRITTEN.get(container)
    name = context.codec.canonical_name if context is not None else ""
    return SubtitleCodec(name, result) if name in _READ and result else None


class ConvertedSubtitleTrack:
    """A subtitle track in another text codec; styles are dropped.

    Args:
        stream: the input's.
        codec: from what to what.
    """

    def __init__(self, stream: Stream, codec: SubtitleCodec) -> None:
        self.stream = stream
        self.codec = codec

    @property
    def title(self) -> str:
        """What users call the new codec."""
        return _TITLES[self.codec.result]

    @property
    def time_base(self) -> Fraction:
        """The unit of the new track's time stamps."""
        return _TICK

    def attach(self, output: av.container.OutputContainer, *, tags: dict[str, str]) -> Stream:
        """Add the track to `output`."""
        out = output.add_mux_stream(self.codec.result)
        out.time_base = _TICK
        out.metadata.update(tags)
        out.disposition = self.stream.disposition
        return out

    def convert(self, packet: Packet) -> Sequence[Packet]:
        """Return the line of `packet` in the new form; an empty one only ends the line before."""
        text = _decode_text(bytes(packet), self.codec.source)
        if not text.strip():
            return ()
        made: Packet = av.Packet(_encode_text(text, self.codec.result))
        made.time_base, made.duration = packet.time_base, packet.duration
        made.pts, made.dts = packet.pts, packet.pts
        return (made,)

    def flush(self) -> Sequence[Packet]:
        """Return nothing: no line is held back."""
        return ()


def _decode_text(data: bytes, codec: str) -> str:
    """Return the plain text of a stored line."""
    if codec == "mov_text":  # two bytes of length before it, boxes with styles behind
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").strip("\0\n")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1].replace("\\N", "\n").replace("\\n", "\n")
    return _MARKS.sub("", text)


def _encode_text(text: str, codec: str) -> bytes:
    data = text.encode()
    return len(data[:0xFFFF]).to_bytes(2, "big") + data[:0xFFFF] if codec == "mov_text" else data
