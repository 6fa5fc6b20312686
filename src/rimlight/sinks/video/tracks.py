"""What becomes of each track of the input: copied, converted, or left out with a note."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from rimlight.sinks.video.audio import AUDIO_CODECS, ConvertedAudioTrack, choose_audio_codec
from rimlight.sinks.video.pcm import PcmGapFiller
from rimlight.sinks.video.subtitles import ConvertedSubtitleTrack, choose_subtitle_codec
from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs
Stream: TypeAlias = "av.stream.Stream"
Output: TypeAlias = "av.container.OutputContainer"

AudioMode = Literal["copy", "convert", "none"]

_NAMES = {"matroska": "mkv"}
_POORLY_READ = {"mp4": ("pcm_",), "matroska": ("tta",)}
"""Codecs that a container can hold in theory: FFmpeg 5 and browsers do not decode them there."""


class Track(Protocol):
    """One track of the result, made of one of the input."""

    stream: Stream

    def attach(self, output: Output, *, tags: dict[str, str]) -> Stream:
        """Add it to `output`, before the first packet; return the stream in there."""
        ...

    def convert(self, packet: Packet) -> Sequence[Packet]:
        """Return what becomes of a packet of `stream`."""
        ...

    def flush(self) -> Sequence[Packet]:
        """Return what is left at the end."""
        ...


class CopiedTrack:
    """A track whose packets are copied as they are.

    Args:
        stream: the input's.
        container: FFmpeg's name of the output container.
    """

    def __init__(self, stream: Stream, container: str) -> None:
        self.stream = stream
        self._holes = PcmGapFiller.from_stream(stream) if container in ("mp4", "mov") else None

    def attach(self, output: Output, *, tags: dict[str, str]) -> Stream:
        """Add a stream like the input's."""
        copy = output.add_stream_from_template(self.stream)
        copy.metadata.update(tags)
        copy.disposition = self.stream.disposition
        return copy

    def convert(self, packet: Packet) -> Sequence[Packet]:
        """Return the packet itself, after the silence that the container needs before it."""
        return (packet,) if self._holes is None else tuple(self._holes.fill_gap(packet))

    def flush(self) -> Sequence[Packet]:
        """Return nothing: no packet is held back."""
        return ()


@dataclass(frozen=True)
class TrackPlan:
    """What of an input a container takes.

    Attributes:
        tracks: sound and subtitles, in the input's order.
        attachments: fonts and the like, by (name, MIME type, content).
        notes: one line for each thing that is converted or left out.
    """

    tracks: tuple[Track, ...]
    attachments: tuple[tuple[str, str, bytes], ...]
    notes: tuple[str, ...]


def plan_tracks(
    source: av.container.InputContainer,
    container: str,
    begin: Sequence[Packet],
    *,
    private: bool = False,
    convert: bool = False,
    codec: str | None = None,
) -> TrackPlan:
    """Decide over each track of `source` but the pictures'; nothing is written.

    Args:
        source: the open input.
        container: FFmpeg's name of the output container.
        begin: packets from the begin of `source`, tried on the container.
        private: leave out all that is not sound.
        convert: encode sound in the container's usual codec, even where it could be copied.
        codec: encode all sound in this codec, by its key in `AUDIO_CODECS`; None: see `convert`.
    """
    tracks: list[Track] = []
    notes: list[str] = []
    for stream in source.streams:
        if stream.type not in ("audio", "subtitle"):
            continue
        first = [packet for packet in begin if packet.stream_index == stream.index]
        if private and stream.type == "subtitle":
            notes.append(
                f"{_describe_track(stream)} left out: they may say where the film was taken"
            )
            continue
        track, note = _plan_track(stream, container, first, convert=convert, codec=codec)
        tracks += [track] if track else []
        notes += [note] if note else []
    attached, left = _plan_attachments(source, container, private=private)
    return TrackPlan(tuple(tracks), attached, (*notes, *left))


def _plan_track(
    stream: Stream, container: str, begin: Sequence[Packet], *, convert: bool, codec: str | None
) -> tuple[Track | None, str | None]:
    made = _make_converted_track(stream, container, codec)
    wanted = (
        (convert or codec is not None)
        and isinstance(made, ConvertedAudioTrack)
        and not made.is_same_codec
    )
    fits = _can_mux(CopiedTrack(stream, container), container, begin)
    poorly = fits and get_codec_name(stream).startswith(_POORLY_READ.get(container, ("?",)))
    if fits and not wanted and not poorly:
        return CopiedTrack(stream, container), None
    name = _NAMES.get(container, container)
    why = f": few players read it in {name}" if poorly else f": {name} cannot hold it"
    why = "" if fits and not poorly else why
    if made is None or not _can_mux(made, container, begin):
        if fits:
            return CopiedTrack(stream, container), None
        return None, f"{_describe_track(stream)} left out{why}"
    if isinstance(made, ConvertedAudioTrack):
        made = made.make_fresh_copy()
    return made, f"{_describe_track(stream)} converted to {made.title}{why}"


def _make_converted_track(
    stream: Stream, container: str, sound: str | None
) -> ConvertedAudioTrack | ConvertedSubtitleTrack | None:
    """Return the track that decodes and encodes `stream`; None where nothing decodes it."""
    if stream.type == "audio" and stream.codec_context is not None:
        assert isinstance(stream, av.AudioStream)
        usual = choose_audio_codec(stream, container)
        return ConvertedAudioTrack(stream, AUDIO_CODECS[sound] if sound else usual)
    codec = choose_subtitle_codec(stream, container) if stream.type == "subtitle" else None
    return ConvertedSubtitleTrack(stream, codec) if codec else None


def _can_mux(track: Track, container: str, begin: Sequence[Packet]) -> bool:
    """Return True if `container` takes the track and its first packets: tried in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            out = track.attach(trial, tags={})
            trial.start_encoding()
            packets = [made for packet in begin for made in track.convert(_copy_packet(packet))]
            for packet in (*packets, *track.flush()):
                if packet.dts is not None:
                    packet.stream = out
                    trial.mux(packet)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _copy_packet(packet: Packet) -> Packet:
    copy: Packet = av.Packet(bytes(packet))
    copy.time_base, copy.duration = packet.time_base, packet.duration
    copy.pts, copy.dts = packet.pts, packet.dts
    return copy


def _describe_track(stream: Stream) -> str:
    """Return how messages call a track: what it is, its codec and its language."""
    kind: Literal["sound", "subtitles"] = "sound" if stream.type == "audio" else "subtitles"
    facts = [get_codec_name(stream), stream.metadata.get("language", "und")]
    return f"{kind} ({', '.join(fact for fact in facts if fact != 'und')})"


def get_codec_name(stream: Stream) -> str:
    """Return the usual name of a stream's codec."""
    context = stream.codec_context
    return str(context.codec.canonical_name) if context is not None else "unknown codec"


def _plan_attachments(
    source: av.container.InputContainer, container: str, *, private: bool
) -> tuple[tuple[tuple[str, str, bytes], ...], tuple[str, ...]]:
    found = list(_read_attachments(source))
    if not found:
        return (), ()
    if container == "matroska" and not private:
        return tuple(found), ()
    names = ", ".join(name for name, _, _ in found[:3]) + (", ..." if len(found) > 3 else "")
    what = "1 attachment" if len(found) == 1 else f"{len(found)} attachments"
    return (), (f"{what} left out: {names}",)


def _read_attachments(source: av.container.InputContainer) -> Iterator[tuple[str, str, bytes]]:
    for stream in source.streams:
        if isinstance(stream, av.stream.AttachmentStream):
            yield (
                stream.name or "attachment",
                stream.mimetype or "application/octet-stream",
                bytes(stream.data or b""),
            )
