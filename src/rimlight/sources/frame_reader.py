"""Reads the decoded frames of a video, or of a range of it, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from rimlight.media.container import VideoInput, reopen_file
from rimlight.media.decoder import Decoder
from rimlight.media.stream_metadata import StreamMetadata
from rimlight.media.timestamps import (
    DEFAULT_TIME_BASE,
    TimestampNormalizer,
    has_discontinuous_clock,
    track_discontinuities,
)
from rimlight.system.av import av

_STORES_LENGTHS = ("mov,mp4,m4a,3gp,3g2,mj2", "gif", "apng", "webp", "nut")
TimedFrame: TypeAlias = tuple[av.VideoFrame, Fraction]

_PATIENCE_S = 60
"""Decoding from a key frame further back than this costs more than the seek saves."""


class TimedFrameReader:
    """Iterates (frame, seconds on the container's clock) for the frames of a range.

    `first` is the stream's first frame, or None if no frame decodes. Call `start` before the
    iteration.

    Attributes:
        count: frames decoded since `start`, including skipped frames of the range.
        begin: the time of the stream's first frame.
        last: the time of the last decoded frame.
        end: when the display of the last frame ends; known after the iteration.
        has_seeked: a part of the stream was not decoded.
        is_trimmed: the range ended before the stream.
        decoder: decodes the next frames.
    """

    def __init__(
        self,
        film: VideoInput,
        *,
        whole: StreamMetadata,
        trim_range: TrimRange,
        deinterlace: bool = True,
    ) -> None:
        self._film = film
        self._deinterlace = deinterlace
        self._whole = whole
        self._trim_range = trim_range
        self._resume_at: Fraction | None = None
        self.count = 0
        self.last = self.end = Fraction(0)
        self.begin = self._stored_duration = Fraction(0)
        self._gap = 1 / whole.rate if whole.rate else DEFAULT_TIME_BASE
        self.has_seeked = self.is_trimmed = False
        self._restart()
        self.first = next(self._pictures, None)

    @property
    def is_interlaced(self) -> bool:
        """A frame that was decoded so far is stored as two fields."""
        return self.decoder.is_interlaced

    def start(self) -> Fraction | None:
        """Find the first frame of the range; return its time, None if the range is empty."""
        assert self.first is not None
        first, self.first = self.first, None  # one that is held keeps its memory from the decoder
        at = self._timeline.normalize(first.pts, first.dts)
        self.begin = at
        self._cut_at = None if self._trim_range.end_s is None else at + self._trim_range.end_s
        self._pending = self._find_start((first, at))
        return self._pending[0][1] if self._pending else None

    def resume(self, at: Fraction, *, lead_s: Fraction) -> None:
        """After the first frame, skip to `lead_s` seconds before `at`."""
        self._resume_at = at
        self._lead_from = at - lead_s

    def __iter__(self) -> Iterator[TimedFrame]:
        before: Fraction | None = None
        for picture, at in self._iterate():
            if self._cut_at is not None and at >= self._cut_at:
                self.is_trimmed, self.last, self.end = True, at, self._cut_at
                return
            self.last, self._stored_duration = at, self._read_stored_duration(picture)
            self._gap = self._gap if before is None else at - before
            before = at
            chosen = self.count % self._trim_range.stride == 0
            if chosen and (self._resume_at is None or not self.count or at >= self._lead_from):
                yield picture, at
            self.count += 1
        self.end = self._compute_end()

    def _compute_end(self) -> Fraction:
        """Return when the display of the stream's last frame ends."""
        since = self.last - self.begin
        ends = self.last + self._whole.compute_last_duration(
            self._stored_duration, since=since, gap=self._gap
        )
        if self._cut_at is not None:
            ends = min(ends, self._cut_at)
        return max(ends, self.decoder.empty_end)

    def _read_stored_duration(self, picture: av.VideoFrame) -> Fraction:
        """Return the duration stored for `picture`; 0 in formats where libav only guesses it."""
        if self._film.container.format.name not in _STORES_LENGTHS:
            return Fraction(0)
        return Fraction(picture.duration or 0) * (picture.time_base or 0)

    def _iterate(self) -> Iterator[TimedFrame]:
        while self._pending:
            yield self._pending.pop()
        if self._resume_at is not None and self._trim_range.stride == 1:
            self._try_seek(self._lead_from, self._resume_at)
        yield from self._decode()

    def _decode(self) -> Iterator[TimedFrame]:
        for picture in self._pictures:
            yield picture, self._timeline.normalize(picture.pts, picture.dts)

    def _find_start(self, first: TimedFrame) -> list[TimedFrame]:
        if not self._trim_range.start_s:
            return [first]
        start = first[1] + self._trim_range.start_s
        self._try_seek(start, None)
        found = next((stamped for stamped in self._decode() if stamped[1] >= start), None)
        return [found] if found else []

    def _try_seek(self, before: Fraction, to: Fraction | None) -> None:
        """Seek to a key frame not later than `before`, if no frame can be lost by that."""
        film = self._film
        if self._deinterlace:  # the filter needs the previous frame
            before -= 2 / (self._whole.rate or Fraction(25))
        file, index = film.location.reopenable_path, film.stream.index
        if file and can_seek_exactly(file, index, before=before, to=to):
            seek_before(film.container, film.stream, before)
            film.context.flush_buffers()
            self._restart()
            self.has_seeked = True

    def _restart(self) -> None:
        self.decoder = Decoder(self._film, deinterlace=self._deinterlace)
        self._pictures = iter(self.decoder)
        self._timeline = TimestampNormalizer(
            self._film.stream.time_base or DEFAULT_TIME_BASE, self._whole.rate
        )


@dataclass(frozen=True, slots=True)
class TrimRange:
    """A range of frames by time, counted from the video's first frame.

    Attributes:
        start_s: earlier frames are skipped.
        end_s: the range ends before this time; None for the end of the video.
        stride: use every Nth frame of the range.
    """

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None
    stride: int = 1

    @property
    def is_all(self) -> bool:
        """No frame is skipped."""
        return not self.start_s and self.end_s is None and self.stride == 1

    def trim_metadata(self, whole: StreamMetadata) -> StreamMetadata:
        """Return the metadata of this range of a video with the metadata `whole`."""
        if self.is_all:
            return whole
        rate = whole.rate / self.stride if whole.rate else None
        ends = [end for end in (whole.duration, self.end_s) if end is not None]
        length = min(ends) - self.start_s if ends else None
        return StreamMetadata(None, length, rate)


def can_seek_exactly(path: Path, index: int, *, before: Fraction, to: Fraction | None) -> bool:
    """Return True if decoding may start at a key frame instead of at the beginning.

    Args:
        path: the file, which is opened again for the trial.
        index: the number of the stream.
        before: seconds of the container's clock; the key frame must not be later.
        to: a timestamp that must occur after the key frame, None for any.
    """
    try:
        with reopen_file(path) as trial:
            return _can_reach(trial, index, before, to)
    except av.error.FFmpegError:
        return False


def seek_before(
    container: av.container.InputContainer, stream: av.VideoStream, before: Fraction
) -> None:
    """Seek to the last key frame that is not later than `before` seconds."""
    assert stream.time_base is not None
    container.seek(int(before // stream.time_base), stream=stream, backward=True)


def _find_last_byte_before(
    trial: av.container.InputContainer, stream: av.VideoStream, before: Fraction
) -> int:
    """Return the byte position up to which the clock rises to `before`; 0 if it does not.

    If a clock restarts, the same time occurs at several positions, and a seek finds any of them.
    """
    seams = track_discontinuities(trial, stream)
    for packet in trial.demux(stream):
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or seams.add_packet(packet.pts, packet.dts):
            return 0
        if stamp * packet.time_base > before:
            return int(packet.pos or 0)
    return 0


def _can_reach(
    trial: av.container.InputContainer, index: int, before: Fraction, to: Fraction | None
) -> bool:
    stream = trial.streams[index]
    assert isinstance(stream, av.VideoStream)
    farthest = (
        _find_last_byte_before(trial, stream, before) if has_discontinuous_clock(trial) else None
    )
    if farthest == 0:
        return False
    seek_before(trial, stream, before)
    is_first = True
    for packet in trial.demux(stream):
        if packet.pts is None or (is_first and farthest and (packet.pos or 0) > farthest):
            return False
        at = packet.pts * packet.time_base
        if is_first and not (packet.is_keyframe and before - _PATIENCE_S <= at <= before):
            return False
        is_first = False
        if to is None or at == to:
            return True
        if packet.dts is not None and packet.dts * packet.time_base > to:
            return False
    return False
