"""A video written in whole segments, so that a run that breaks off can be resumed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from rimlight.core.frame import Frame, SourceInfo
from rimlight.sinks.result_record import can_replace, record_result
from rimlight.sinks.video.codecs import (
    DEFAULT_RATE,
    EncodingPlan,
    build_faststart_options,
    build_muxer_options,
    choose_time_base,
    is_quicktime,
    set_codec_tag,
)
from rimlight.sinks.video.encoder import Encoder
from rimlight.sinks.video.metadata import copy_metadata, reserve_pixel_aspect, write_pixel_aspect
from rimlight.sinks.video.segment_index import Segment, SegmentIndex
from rimlight.sinks.video.stream_copy import StreamCopy
from rimlight.sinks.video.vp9_alpha import ALPHA_TAGS
from rimlight.system.av import av

TimeRange: TypeAlias = tuple[Fraction | None, Fraction | None]
"""From one moment up to another, in seconds; None for the video's own begin or end."""


class SegmentedWriter:
    """Writes segments of `segment_s` seconds, each with an encoder of its own, and joins them.

    A picture belongs to segment number `pts // segment_s`, so an interrupted run and one that was
    not make the same segments.

    Args:
        path: the file that `finish` makes.
        plan: container and codec.
        info: the run's source.
        sound: streams to copy when all is joined.
        threads: of the encoder.
        segment_s: seconds in one segment.
        journal: where the segments are and which are whole.
        part: only the pictures from one moment up to another are wanted, and their segments stay
            in the journal, for another run to join; both lie where segments begin, None: open.
        overwrite: replace a file that appears at `path` meanwhile.
        record: see `record_result`; a file at `path` that it lists is replaced.
    """

    def __init__(
        self,
        path: Path,
        plan: EncodingPlan,
        *,
        info: SourceInfo,
        sound: StreamCopy | None,
        threads: int,
        segment_s: Fraction,
        journal: SegmentIndex,
        part: TimeRange | None = None,
        overwrite: bool = True,
        record: Path | None = None,
    ) -> None:
        self._path = path
        self._plan = plan
        self._info = info
        self._sound = sound
        self._threads = threads
        self._segment_s = segment_s
        self._journal = journal
        self._overwrite = overwrite
        self._record = record
        self._wanted = part
        self._from, self._until = part or (None, None)
        self._base = choose_time_base(info)
        self._encoder: Encoder | None = None
        self._number = 0
        self.earlier_frames = sum(segment.frames for segment in journal.segments)
        """Frames that an earlier run wrote."""

    @property
    def resume_at(self) -> Fraction | None:
        """When the first picture that is still wanted is shown; None when all are."""
        segments = self._journal.segments
        return segments[-1].end * self._base if segments else self._from

    @property
    def is_complete(self) -> bool:
        """Every picture is in a whole segment, or in the result already."""
        return self._journal.is_complete or self._journal.is_finished

    @property
    def notes(self) -> list[str]:
        """What the user should know about what an earlier run left."""
        return self._journal.notes

    def to_ticks(self, time_s: Fraction) -> int:
        """Return `time_s` in units of the video's time base."""
        return round(time_s / self._base)

    def open(self, first: Frame) -> None:
        """Open the encoder of the segment that `first` belongs to.

        Raises:
            av.error.FFmpegError: the encoder refuses, or the file cannot be created.
        """
        if self._encoder is None and not self._is_after(first):
            self._number, self._frames = first.pts // self._segment_s, 0
            self._begin_s = first.pts
            self._encoder = Encoder(
                self._part,
                self._plan,
                first=first,
                info=replace(self._info, media_path=None),
                sound=None,
                threads=self._threads,
            )

    def write(self, frame: Frame, duration_s: Fraction) -> None:
        """Encode `frame`, shown for `duration_s`.

        Raises:
            av.error.FFmpegError: it cannot be encoded, or the disk is full.
            OSError: the journal cannot be written.
        """
        if self._encoder is not None and frame.pts // self._segment_s != self._number:
            self._journal.add(self._end_segment(frame.pts))
        self.open(frame)
        if self._encoder is not None:
            self._encoder.write(frame, duration_s)
            self._frames += 1
            self._last_s = frame.pts

    def finish(self, end_s: Fraction | None, *, is_all: bool) -> None:
        """End the last segment and join all of them.

        Args:
            end_s: until when the last picture is shown; None when none was written.
            is_all: the source has ended; else the whole segments stay for another run.
        """
        if self._journal.is_finished:
            self._close_sound()
            self._journal.remove()
            return
        last = None if end_s is None or self._encoder is None else self._end_segment(end_s)
        if self._wanted is not None:
            self._keep_segments(last)
            return
        if last and is_all:
            self._journal.is_complete = True
            self._journal.add(last)
            last = None
        self._concat([*self._journal.segments, *([last] if last else [])], is_all=is_all)
        if is_all:
            self._journal.remove()
            return
        if last:
            (self._journal.folder / last.name).unlink()
        self._journal.close()

    def _keep_segments(self, last: Segment | None) -> None:
        """Leave the segments of a part as they are."""
        if last:
            self._journal.add(last)
        self._journal.close()
        self._close_sound()

    def close(self) -> None:
        """Let the segment that is under way go, and keep the whole ones for another run."""
        try:
            if self._encoder is not None:
                self._encoder.close()
        finally:
            self._part.unlink(missing_ok=True)
            self._journal.close()
            self._close_sound()

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _is_after(self, frame: Frame) -> bool:
        return self._until is not None and frame.pts >= self._until

    @property
    def _part(self) -> Path:
        return self._journal.folder / f"part{self._path.suffix}"

    def _end_segment(self, end_s: Fraction) -> Segment:
        """Finish the segment that is under way and give it its name."""
        assert self._encoder is not None
        self._encoder.finish(self._last_s, end_s)
        name = f"{self._number:08d}{self._path.suffix}"
        os.replace(self._part, self._journal.folder / name)
        early, self._encoder = self._encoder.early_dts, None
        begin, last, end = (self.to_ticks(t) for t in (self._begin_s, self._last_s, end_s))
        return Segment(name, begin, last, end, self._frames, early)

    def _concat(self, segments: Sequence[Segment], *, is_all: bool) -> None:
        part = self._journal.folder / f"joined{self._path.suffix}"
        paths = [self._journal.folder / segment.name for segment in segments]
        try:
            concat_segments(
                part, paths, segments, plan=self._plan, info=self._info, sound=self._sound
            )
            if is_all:
                record_result(self._record, self._path, part)
            may = can_replace(self._path, self._record, overwrite=self._overwrite)
            self._journal.publish(part, whole=is_all, overwrite=may)
        finally:
            part.unlink(missing_ok=True)
            self._close_sound()


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

    Every picture keeps its time. Decoding times are computed again, as one encoder would have made
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
    if plan.has_separate_alpha:
        stream.metadata.update(ALPHA_TAGS)
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
