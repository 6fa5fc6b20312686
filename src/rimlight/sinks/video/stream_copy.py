"""Sound and subtitles of the input, beside the new picture and in step with it."""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, TypeAlias

from rimlight.core.errors import SinkError, SourceOpenError
from rimlight.media.container import MediaLocation, find_video_stream, reopen_file
from rimlight.media.timestamps import DEFAULT_TIME_BASE, StreamAligner, track_discontinuities
from rimlight.sinks.video.tracks import Track, plan_tracks
from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs
Stream: TypeAlias = "av.stream.Stream"
Input: TypeAlias = "av.container.InputContainer"

log = logging.getLogger(__name__)

NOTHING = Fraction(-(1 << 40))
_MAX_TRIED_PACKETS = 400
_MAX_HELD_PACKETS = 500
_MAX_BEHIND_S = Fraction(1, 2)
_MAX_PRIMING_S = Fraction(1, 10)
"""Packets that decoders need before the first sound; longer ones were cut off by an editor."""


class StreamCopy:
    """The sound and subtitle streams of `path`, read as far as the video has got.

    What the output container cannot hold is converted, or left out; both are logged.

    Args:
        path: the input file.
        container: FFmpeg's name of the output container.
        origin: the moment of the input's clock at which the output's begins; what is earlier is
            left out, unless it is 0.
        private: only sound is taken, and of its tags only the language.
        convert: encode sound in the container's usual codec, even where it could be copied.
        codec: encode all sound in this codec, by its key in `AUDIO_CODECS`; None: see `convert`.

    Raises:
        SinkError: the file does not open.
    """

    def __init__(
        self,
        path: Path,
        container: str,
        *,
        origin: Fraction = Fraction(0),
        private: bool = False,
        convert: bool = False,
        codec: str | None = None,
    ) -> None:
        self._path = path
        self._origin = origin
        self._private = private
        self._input = _open_input(path)
        try:
            self._plan = plan_tracks(
                self._input,
                container,
                _read_first_packets(path),
                private=private,
                convert=convert,
                codec=codec,
            )
        except BaseException:
            self._input.close()
            raise
        for note in self._plan.notes:
            log.warning("%s: %s", path.name, note)
        if private and any(track.stream.type == "audio" for track in self._plan.tracks):
            log.warning("%s: its sound is kept; audio=none leaves it out", path.name)
        self._tracks = {track.stream.index: track for track in self._plan.tracks}
        self._video = _find_video_stream(self._input, path)
        self._video_end = NOTHING
        self._out: dict[int, Stream] = {}
        self._last: dict[int, int] = {}
        self._misplaced = 0
        self._output: av.container.OutputContainer | None = None
        self._packets = self._read()
        self._next: Packet | None = None

    @property
    def sound_count(self) -> int:
        """Number of sound tracks in the result."""
        return sum(track.stream.type == "audio" for track in self._tracks.values())

    @property
    def time_bases(self) -> list[Fraction]:
        """The units of the streams' time stamps."""
        return [base for track in self._tracks.values() if (base := _get_time_base(track))]

    def add_streams(self, output: av.container.OutputContainer) -> None:
        """Add the streams to `output`, before its first packet."""
        self._output = output
        for index, track in self._tracks.items():
            self._out[index] = track.attach(output, tags=self._select_tags(track.stream))
        for name, mime, data in self._plan.attachments:
            output.add_attachment(name, mime, data)
        self._next = next(self._packets, None)

    def copy_until(self, time_s: Fraction) -> None:
        """Copy what is to be decoded up to `time_s`, in seconds of the output's clock."""
        while self._next is not None and _get_decode_time_s(self._next) <= time_s:
            self._write(self._next)
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
            if _get_decode_time_s(packet) < end_s:
                self._write(packet)
            elif self._video_end > last_s:
                break
            else:
                tail.append(packet)
        if self._video_end <= last_s:
            for packet in tail:
                self._write(packet)
        for index, track in self._tracks.items():
            self._mux(index, track.flush())
        if self._misplaced:
            log.warning(
                "%s: %d packets of sound could not be placed; left out",
                self._path.name,
                self._misplaced,
            )

    def close(self) -> None:
        """Close the input."""
        self._packets.close()
        self._input.close()

    def _select_tags(self, stream: Stream) -> dict[str, str]:
        if not self._private:
            return dict(stream.metadata)
        language = stream.metadata.get("language")
        return {"language": language} if language else {}

    def _write(self, packet: Packet) -> None:
        index = packet.stream_index
        self._mux(index, self._tracks[index].convert(packet))

    def _mux(self, index: int, packets: Sequence[Packet]) -> None:
        """Write packets of one stream; one that the container does not take is left out."""
        assert self._output is not None
        stream = self._out[index]
        for packet in packets:
            packet.stream = stream
            if not self._set_times(index, packet, stream):
                self._misplaced += 1
                continue
            try:
                self._output.mux(packet)
            except av.error.FFmpegError as exc:
                # The work of hours is not lost for one packet of sound.
                if exc.errno != errno.EINVAL and not isinstance(exc, av.error.InvalidDataError):
                    raise
                self._misplaced += 1

    def _set_times(self, index: int, packet: Packet, stream: Stream) -> bool:
        """Put the packet's times into the output's unit, rising; return False where they cannot.

        Times that are equal, as in a file that counts in milliseconds, are a tick apart then.
        """
        base = stream.time_base or packet.time_base
        unit = packet.time_base / base
        given = packet.dts if packet.dts is not None else packet.pts
        if given is None:
            return False
        dts = _round_half_away(given * unit)
        pts = dts if packet.pts is None else _round_half_away(packet.pts * unit)
        last = self._last.get(index)
        least = None if last is None else last + (stream.type != "subtitle")
        if least is not None and dts < least:
            if (least - dts) * base > _MAX_BEHIND_S:
                return False
            dts, pts = least, max(pts, least)
        self._last[index] = dts
        step = 0 if last is None or stream.type == "subtitle" else dts - last
        packet.duration = _round_half_away((packet.duration or 0) * unit) or step
        packet.time_base, packet.dts, packet.pts = base, dts, pts
        return True

    def _read(self) -> Generator[Packet]:
        """Yield the packets to copy, and note how far the input's own pictures go."""
        placed = _AlignedPackets(self._input, self._video, list(self._tracks))
        try:
            for packet in placed:
                if self._video is not None and packet.stream_index == self._video.index:
                    self._video_end = max(
                        self._video_end, _get_display_time_s(packet) - self._origin
                    )
                elif _is_trimmed(packet):
                    continue
                elif not self._origin or _get_decode_time_s(packet) >= self._origin:
                    yield _shift_by_seconds(packet, -self._origin)
        except av.error.FFmpegError as exc:
            log.warning("the sound of %s breaks off: %s", self._path, exc.strerror)


def describe_track_changes(
    path: Path,
    container: str,
    *,
    private: bool = False,
    convert: bool = False,
    codec: str | None = None,
) -> tuple[str, ...]:
    """Return what becomes of the sound and subtitles of `path`, one line for what is not copied.

    Args:
        path: the input; one that does not open has no notes.
        container: FFmpeg's name of the output container.
        private: only sound is taken.
        convert: all sound is encoded again.
        codec: the codec of all sound; None: see `convert`.
    """
    try:
        with _open_input(path) as source:
            begin = _read_first_packets(path)
            return plan_tracks(
                source, container, begin, private=private, convert=convert, codec=codec
            ).notes
    except SinkError:
        return ()


class _AlignedPackets:
    """The packets of some streams on one clock, that of the pictures, in the order of the file.

    Args:
        source: the input.
        video: its pictures; None where there are none.
        wanted: the other streams, by number.
    """

    def __init__(self, source: Input, video: av.VideoStream | None, wanted: Sequence[int]) -> None:
        self._source = source
        self._video = video
        self._streams = [stream for stream in source.streams if stream.index in wanted]
        self._followers: dict[int, StreamAligner] = {}
        self._held: dict[int, deque[Packet]] = {index: deque() for index in wanted}

    def __iter__(self) -> Iterator[Packet]:
        video = self._video
        seams = None if video is None else track_discontinuities(self._source, video)
        if seams is not None and video is not None:
            tick = video.time_base or DEFAULT_TIME_BASE
            for stream in self._streams:
                sparse = stream.type == "subtitle"
                self._followers[stream.index] = StreamAligner(seams, tick, sparse=sparse)
        for packet in self._source.demux([*self._streams, *([video] if video else [])]):
            if packet.size == 0 or (packet.pts is None and packet.dts is None):
                continue
            if video is None or seams is None:
                yield packet
            elif packet.stream_index == video.index:
                crossed = len(seams.offsets)
                yield _shift_by_ticks(packet, seams.add_packet(packet.pts, packet.dts))
                if len(seams.offsets) > crossed:
                    yield from self._read_ready_packets()
            else:
                held = self._held[packet.stream_index]
                held.append(packet)
                yield from self._read_ready(
                    packet.stream_index, force=len(held) > _MAX_HELD_PACKETS
                )
        for index in self._held:
            yield from self._read_ready(index, force=True)

    def _read_ready_packets(self) -> Iterator[Packet]:
        for index in self._held:
            yield from self._read_ready(index)

    def _read_ready(self, index: int, *, force: bool = False) -> Iterator[Packet]:
        """Yield the held packets of a stream whose place is known by now."""
        held = self._held[index]
        while held:
            packet = held[0]
            length = Fraction(packet.duration or 0) * packet.time_base
            shift = self._followers[index].compute_offset(
                _get_decode_time_s(packet), length, force=force
            )
            if shift is None:
                return
            yield _shift_by_seconds(held.popleft(), shift)


def _open_input(path: Path) -> Input:
    try:
        return reopen_file(path)
    except av.error.FFmpegError as exc:
        raise SinkError(
            f"cannot read the sound of {path}: {exc.strerror}", hint="set audio=none"
        ) from exc


def _find_video_stream(source: Input, path: Path) -> av.VideoStream | None:
    try:
        return find_video_stream(source, MediaLocation.parse(str(path)))
    except SourceOpenError:
        return None


def _read_first_packets(path: Path) -> list[Packet]:
    """Return the first sound and subtitle packets of a file whose times rise.

    The file is opened once more for them.
    """
    found: list[Packet] = []
    latest: dict[int, Fraction] = {}
    with _open_input(path) as source:
        wanted = [s for s in source.streams if s.type in ("audio", "subtitle")]
        if not wanted:
            return []
        try:
            for packet in source.demux(wanted):
                if not packet.size or packet.dts is None:
                    continue
                at = _get_decode_time_s(packet)
                if at > latest.get(packet.stream_index, NOTHING):
                    latest[packet.stream_index] = at
                    found.append(packet)
                if len(found) >= _MAX_TRIED_PACKETS:
                    break
        except av.error.FFmpegError:
            pass  # the reader says so when it gets there
    return found


def _is_trimmed(packet: Packet) -> bool:
    """Return True for sound that an edit list cuts off, longer before zero than a decoder needs."""
    return packet.is_discard and _get_decode_time_s(packet) < -_MAX_PRIMING_S


def _get_time_base(track: Track) -> Fraction | None:
    return getattr(track, "time_base", None) or track.stream.time_base


def _shift_by_seconds(packet: Packet, shift_s: Fraction) -> Packet:
    return _shift_by_ticks(packet, round(shift_s / packet.time_base))


def _shift_by_ticks(packet: Packet, ticks: int) -> Packet:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
    return packet


def _round_half_away(ticks: Fraction) -> int:
    """Round as FFmpeg does: halves away from zero."""
    return floor(ticks + Fraction(1, 2)) if ticks >= 0 else -floor(Fraction(1, 2) - ticks)


def _get_decode_time_s(packet: Packet) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(ticks or 0) * packet.time_base


def _get_display_time_s(packet: Packet) -> Fraction:
    if packet.is_discard:
        return NOTHING
    ticks = packet.pts if packet.pts is not None else packet.dts
    return Fraction(ticks or 0) * packet.time_base
