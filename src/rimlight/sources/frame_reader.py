"""The decoded pictures of a video with their times, or of a part of it."""

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
Stamped: TypeAlias = tuple[av.VideoFrame, Fraction]

_PATIENCE_S = 60
"""A key frame further back than this is not worth the jump."""


class StampedPictures:
    """Iterates (picture, seconds on the container's clock) for the frames of `span`.

    `first` holds the stream's first picture, or None where not one decodes; `start` has to be
    called before the iteration.

    Attributes:
        count: pictures decoded since `start`, those of the span that are left out included.
        begin: the time of the stream's first picture.
        last: the time of the last of them.
        end: until when that one is shown; known when the iteration has ended.
        jumped: a part of the stream was not decoded.
        cut: the span's end came before the stream's.
        decoder: decodes what comes next.
    """

    def __init__(
        self, film: VideoInput, *, whole: StreamMetadata, span: Span, deinterlace: bool = True
    ) -> None:
        self._film = film
        self._deinterlace = deinterlace
        self._whole = whole
        self._span = span
        self._resume_at: Fraction | None = None
        self.count = 0
        self.last = self.end = Fraction(0)
        self.begin = self._own = Fraction(0)
        self._gap = 1 / whole.rate if whole.rate else DEFAULT_TIME_BASE
        self.jumped = self.cut = False
        self._restart()
        self.first = next(self._pictures, None)

    @property
    def interlaced(self) -> bool:
        """A frame so far was stored as two fields."""
        return self.decoder.is_interlaced

    def start(self) -> Fraction | None:
        """Find the first picture of the span; return its time, None where there is none."""
        assert self.first is not None
        first, self.first = self.first, None  # one that is held keeps its memory from the decoder
        at = self._timeline.normalize(first.pts, first.dts)
        self.begin = at
        self._cut_at = None if self._span.end_s is None else at + self._span.end_s
        self._pending = self._from_start((first, at))
        return self._pending[0][1] if self._pending else None

    def resume(self, at: Fraction, *, lead_s: Fraction) -> None:
        """After the first picture, go on with those from `lead_s` seconds before `at` on."""
        self._resume_at = at
        self._lead_from = at - lead_s

    def __iter__(self) -> Iterator[Stamped]:
        before: Fraction | None = None
        for picture, at in self._all():
            if self._cut_at is not None and at >= self._cut_at:
                self.cut, self.last, self.end = True, at, self._cut_at
                return
            self.last, self._own = at, self._stored_length(picture)
            self._gap = self._gap if before is None else at - before
            before = at
            chosen = self.count % self._span.stride == 0
            if chosen and (self._resume_at is None or not self.count or at >= self._lead_from):
                yield picture, at
            self.count += 1
        self.end = self._natural_end()

    def _natural_end(self) -> Fraction:
        """Return until when the stream's last picture is shown."""
        since = self.last - self.begin
        ends = self.last + self._whole.compute_last_duration(self._own, since=since, gap=self._gap)
        if self._cut_at is not None:
            ends = min(ends, self._cut_at)
        return max(ends, self.decoder.empty_end)

    def _stored_length(self, picture: av.VideoFrame) -> Fraction:
        """Return how long the container says `picture` is shown; 0 where libav only guesses."""
        if self._film.container.format.name not in _STORES_LENGTHS:
            return Fraction(0)
        return Fraction(picture.duration or 0) * (picture.time_base or 0)

    def _all(self) -> Iterator[Stamped]:
        while self._pending:
            yield self._pending.pop()
        if self._resume_at is not None and self._span.stride == 1:
            self._try_jump(self._lead_from, self._resume_at)
        yield from self._decoded()

    def _decoded(self) -> Iterator[Stamped]:
        for picture in self._pictures:
            yield picture, self._timeline.normalize(picture.pts, picture.dts)

    def _from_start(self, first: Stamped) -> list[Stamped]:
        if not self._span.start_s:
            return [first]
        start = first[1] + self._span.start_s
        self._try_jump(start, None)
        found = next((stamped for stamped in self._decoded() if stamped[1] >= start), None)
        return [found] if found else []

    def _try_jump(self, before: Fraction, to: Fraction | None) -> None:
        """Go to a key frame not later than `before`, where that is sure to lose no frame."""
        film = self._film
        if self._deinterlace:  # the filter looks at the frame before
            before -= 2 / (self._whole.rate or Fraction(25))
        file, index = film.location.reopenable_path, film.stream.index
        if file and can_jump(file, index, before=before, to=to):
            jump(film.container, film.stream, before)
            film.context.flush_buffers()
            self._restart()
            self.jumped = True

    def _restart(self) -> None:
        self.decoder = Decoder(self._film, deinterlace=self._deinterlace)
        self._pictures = iter(self.decoder)
        self._timeline = TimestampNormalizer(
            self._film.stream.time_base or DEFAULT_TIME_BASE, self._whole.rate
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A choice of frames by time, counted from the video's first frame.

    Attributes:
        start_s: frames before it are left out.
        end_s: frames from it on are left out; None for the video's own end.
        stride: use every Nth frame of the range.
    """

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None
    stride: int = 1

    @property
    def is_all(self) -> bool:
        """No frame is left out."""
        return not self.start_s and self.end_s is None and self.stride == 1

    def of(self, whole: StreamMetadata) -> StreamMetadata:
        """Return what a container that promises `whole` promises of this span."""
        if self.is_all:
            return whole
        rate = whole.rate / self.stride if whole.rate else None
        ends = [end for end in (whole.duration, self.end_s) if end is not None]
        length = min(ends) - self.start_s if ends else None
        return StreamMetadata(None, length, rate)


def can_jump(path: Path, index: int, *, before: Fraction, to: Fraction | None) -> bool:
    """Say whether decoding may start at a key frame instead of at the beginning.

    Args:
        path: the file; a container of its own is opened for the try.
        index: the stream's number.
        before: seconds of the container's clock; the key frame must not be later.
        to: a time stamp that must come after the key frame exactly, None for any.
    """
    try:
        with reopen_file(path) as trial:
            return _reaches(trial, index, before, to)
    except av.error.FFmpegError:
        return False


def jump(container: av.container.InputContainer, stream: av.VideoStream, before: Fraction) -> None:
    """Go on reading at the last key frame that is not later than `before` seconds."""
    assert stream.time_base is not None
    container.seek(int(before // stream.time_base), stream=stream, backward=True)


def _last_byte_before(
    trial: av.container.InputContainer, stream: av.VideoStream, before: Fraction
) -> int:
    """Return the place in the file up to which its clock rises to `before`; 0 where it does not.

    Where a clock starts again, the same time lies in several places, and a seek finds any of them.
    """
    seams = track_discontinuities(trial, stream)
    for packet in trial.demux(stream):
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or seams.add_packet(packet.pts, packet.dts):
            return 0
        if stamp * packet.time_base > before:
            return int(packet.pos or 0)
    return 0


def _reaches(
    trial: av.container.InputContainer, index: int, before: Fraction, to: Fraction | None
) -> bool:
    stream = trial.streams[index]
    assert isinstance(stream, av.VideoStream)
    farthest = _last_byte_before(trial, stream, before) if has_discontinuous_clock(trial) else None
    if farthest == 0:
        return False
    jump(trial, stream, before)
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
