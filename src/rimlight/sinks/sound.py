"""Sound and subtitles of the input, copied packet by packet beside the new picture."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from rimlight.errors import SinkError
from rimlight.libav import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs
Stream: TypeAlias = "av.stream.Stream"

log = logging.getLogger(__name__)

NOTHING = Fraction(-(1 << 40))


class Sound:
    """The sound and subtitle streams of `path`, read as far as the video has got.

    Args:
        path: the input file.
        container: FFmpeg's name of the output container.
        origin: the moment of the input's clock at which the output's begins; what is earlier is
            left out, unless it is 0.

    Raises:
        SinkError: the file does not open, or `container` cannot hold one of its sound codecs.
            Subtitles that it cannot hold are left out, which is logged.
    """

    def __init__(self, path: Path, container: str, *, origin: Fraction = Fraction(0)) -> None:
        try:
            self._input = av.open(str(path.resolve()))
        except av.error.FFmpegError as exc:
            raise SinkError(
                f"cannot read the sound of {path}: {exc.strerror}", hint="add --no-audio"
            ) from exc
        self._path = path
        self._origin = origin
        try:
            self._streams = self._copyable(container)
        except SinkError:
            self._input.close()
            raise
        self._video = self._input.streams.best("video")
        self._video_end = NOTHING
        self._out: dict[int, Stream] = {}
        self._output: av.container.OutputContainer | None = None
        self._packets = self._read()
        self._next: Packet | None = None

    def _copyable(self, container: str) -> list[Stream]:
        streams: list[Stream] = []
        for stream in self._input.streams:
            if stream.type not in ("audio", "subtitle"):
                continue
            problem = _refusal(stream, container)
            if problem is None:
                streams.append(stream)
            elif stream.type == "audio":
                raise SinkError(
                    f"{container} cannot hold the sound of {self._path} ({_codec(stream)})",
                    hint="write a .mkv, or add --no-audio",
                )
            else:
                log.warning("%s cannot hold %s subtitles; left out", container, _codec(stream))
        return streams

    @property
    def time_bases(self) -> list[Fraction]:
        """The units of the streams' time stamps."""
        return [stream.time_base for stream in self._streams if stream.time_base]

    def attach(self, output: av.container.OutputContainer) -> None:
        """Add the streams to `output`, before its first packet."""
        self._output = output
        for stream in self._streams:
            copy = output.add_stream_from_template(stream)
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
            self._out[stream.index] = copy
        self._next = next(self._packets, None)

    def up_to(self, time_s: Fraction) -> None:
        """Copy what is to be decoded up to `time_s`, in seconds of the output's clock."""
        while self._next is not None and _time_s(self._next) <= time_s:
            self._copy(self._next)
            self._next = next(self._packets, None)

    def finish(self, last_s: Fraction, end_s: Fraction) -> None:
        """Copy the rest: all of it after the input's last picture, else up to `end_s`.

        Args:
            last_s: when the last picture that was written is shown, in seconds.
            end_s: until when it is shown.
        """
        tail: list[Packet] = []
        while self._next is not None:
            packet, self._next = self._next, next(self._packets, None)
            if _time_s(packet) < end_s:
                self._copy(packet)
            elif self._video_end > last_s:
                return
            else:
                tail.append(packet)
        if self._video_end <= last_s:
            for packet in tail:
                self._copy(packet)

    def close(self) -> None:
        """Close the input."""
        self._packets.close()
        self._input.close()

    def _copy(self, packet: Packet) -> None:
        assert self._output is not None
        packet.stream = self._out[packet.stream_index]
        self._output.mux(packet)

    def _read(self) -> Generator[Packet]:
        """Yield the packets to copy, and note how far the input's own pictures go."""
        wanted = [*self._streams, *([self._video] if self._video else [])]
        try:
            for packet in self._input.demux(wanted):
                if packet.size == 0 or (packet.pts is None and packet.dts is None):
                    continue
                if packet.stream is self._video:
                    self._video_end = max(self._video_end, _shown_s(packet) - self._origin)
                elif not self._origin or _time_s(packet) >= self._origin:
                    yield self._moved(packet)
        except av.error.FFmpegError as exc:
            log.warning("the sound of %s breaks off: %s", self._path, exc.strerror)

    def _moved(self, packet: Packet) -> Packet:
        """Return `packet` with its times on the output's clock."""
        ticks = round(self._origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks
        return packet


def _refusal(stream: Stream, container: str) -> str | None:
    """Say why `container` cannot hold `stream`, or None: tried on a file in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError) as exc:
        return str(exc)
    return None


def _codec(stream: Stream) -> str:
    return str(stream.codec_context.name) if stream.codec_context else "unknown"


def _time_s(packet: Packet) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(ticks or 0) * packet.time_base


def _shown_s(packet: Packet) -> Fraction:
    if packet.is_discard:
        return NOTHING
    ticks = packet.pts if packet.pts is not None else packet.dts
    return Fraction(ticks or 0) * packet.time_base
