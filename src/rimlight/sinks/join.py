"""Whole segments joined to one video: packets are copied, nothing is encoded again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from rimlight.core.frame import SourceInfo
from rimlight.sinks.codecs import EncodingPlan
from rimlight.sinks.extras import copy_metadata
from rimlight.sinks.journal import Segment
from rimlight.sinks.muxing import (
    DEFAULT_RATE,
    build_faststart_options,
    build_muxer_options,
    choose_time_base,
    is_quicktime,
    set_codec_tag,
)
from rimlight.sinks.pixel_shape import reserve_pixel_aspect, write_pixel_aspect
from rimlight.sinks.sound import StreamCopy
from rimlight.system.av import av

_STREAM_TAGS = ("alpha_mode",)  # players look at this one before they look for alpha in VP9


def concat_segments(
    target: Path,
    paths: Sequence[Path],
    segments: Sequence[Segment],
    *,
    plan: EncodingPlan,
    info: SourceInfo,
    sound: StreamCopy | None,
) -> None:
    """Write segments one after the other to `target`, with the sound.

    Every picture keeps its time. Decoding times are made anew, as one encoder would have made
    them: the n-th packet is decoded when the (n - d)-th picture is shown, d being the number of
    pictures that the encoder reorders by.

    Args:
        target: the file to write.
        paths: the files of the segments, at least one.
        segments: what they hold.
        plan: container and codec.
        info: the run's source.
        sound: streams to copy, not yet attached; None for none.

    Raises:
        av.error.FFmpegError: a segment cannot be read, or the file not written.
    """
    base = choose_time_base(info)
    options = build_muxer_options(
        plan, base, sound.time_bases if sound else ()
    ) | build_faststart_options(plan)
    with (
        av.open(str(paths[0].resolve())) as template,
        av.open(str(target.resolve()), "w", format=plan.format, container_options=options) as out,
    ):
        stream = _add_stream(template.streams.video[0], out, plan, info)
        if info.media_path is not None:
            copy_metadata(info.media_path, out, info.start_offset)
        if sound is not None:
            sound.add_streams(out)
        out.start_encoding()
        end = segments[-1].end
        for packet in _stretch_last(_read_packets(paths, segments, base), plan, end):
            packet.stream = stream
            _mux(out, packet, sound)
        if sound is not None:
            sound.finish(segments[-1].last * base, end * base)
    write_pixel_aspect(target, plan, info)


def _mux(
    out: av.container.OutputContainer, packet: av.Packet[Any], sound: StreamCopy | None
) -> None:
    if sound is not None:
        sound.copy_until((packet.dts or 0) * packet.time_base)
    out.mux(packet)


def _add_stream(
    template: av.VideoStream,
    out: av.container.OutputContainer,
    plan: EncodingPlan,
    info: SourceInfo,
) -> av.VideoStream:
    stream = out.add_stream_from_template(template, opaque=True)
    assert isinstance(stream, av.VideoStream)
    for key in _STREAM_TAGS:
        if key in template.metadata:
            stream.metadata[key] = template.metadata[key]
    stream.time_base = choose_time_base(info)
    stream.codec_context.framerate = info.rate or DEFAULT_RATE
    if info.sample_aspect != 1:
        stream.codec_context.sample_aspect_ratio = info.sample_aspect
    reserve_pixel_aspect(stream, plan, info)
    set_codec_tag(stream, plan)
    return stream


def _read_packets(
    paths: Sequence[Path], segments: Sequence[Segment], base: Fraction
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of all segments with the times of the whole video, in units of `base`."""
    decoded = deque(segments[0].early)
    for path, segment in zip(paths, segments, strict=True):
        shown = sorted(_to_ticks(packet, base) for packet in _demux(path))
        lasts = dict(zip(shown, [*shown[1:], segment.end], strict=True))
        decoded.extend(shown)
        for packet in _demux(path):
            packet.pts = _to_ticks(packet, base)
            packet.dts = decoded.popleft()
            packet.time_base = base
            packet.duration = lasts[packet.pts] - packet.pts
            yield packet


def _stretch_last(
    packets: Iterator[av.Packet[Any]], plan: EncodingPlan, end: int
) -> Iterator[av.Packet[Any]]:
    """Stretch the last packet: mp4 takes the sum of the decoding steps for the duration."""
    held: av.Packet[Any] | None = None
    origin = 0
    for packet in packets:
        if held is None:
            origin = (packet.pts or 0) - (packet.dts or 0)
        else:
            yield held
        held = packet
    if held is not None:
        if is_quicktime(plan):
            held.duration = end - origin - (held.dts or 0)
        yield held


def _demux(path: Path) -> Iterator[av.Packet[Any]]:
    with av.open(str(path.resolve())) as clip:
        yield from (packet for packet in clip.demux(clip.streams.video[0]) if packet.size)


def _to_ticks(packet: av.Packet[Any], base: Fraction) -> int:
    return round((packet.pts or 0) * packet.time_base / base)
