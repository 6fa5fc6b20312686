"""Which part of a video is wanted, and how to get to its start without decoding all before it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rimlight.media.opening import open_again
from rimlight.media.seams import may_jump, seams_of
from rimlight.sources.announced import Announced
from rimlight.system.av import av

_PATIENCE_S = 60
"""A key frame further back than this is not worth the jump."""


@dataclass(frozen=True, slots=True)
class Span:
    """A choice of frames by time, counted from the video's first frame.

    Attributes:
        start_s: frames before it are left out.
        end_s: frames from it on are left out; None for the video's own end.
        every: of the frames in between, one in so many is taken.
    """

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None
    every: int = 1

    @property
    def is_all(self) -> bool:
        """No frame is left out."""
        return not self.start_s and self.end_s is None and self.every == 1

    def of(self, whole: Announced) -> Announced:
        """Return what a container that promises `whole` promises of this span."""
        if self.is_all:
            return whole
        rate = whole.rate / self.every if whole.rate else None
        ends = [end for end in (whole.end, self.end_s) if end is not None]
        length = min(ends) - self.start_s if ends else None
        return Announced(None, length, rate)


def can_jump(path: Path, index: int, *, before: Fraction, to: Fraction | None) -> bool:
    """Say whether decoding may start at a key frame instead of at the beginning.

    Args:
        path: the file; a container of its own is opened for the try.
        index: the stream's number.
        before: seconds of the container's clock; the key frame must not be later.
        to: a time stamp that must come after the key frame exactly, None for any.
    """
    try:
        with open_again(path) as trial:
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
    seams = seams_of(trial, stream)
    for packet in trial.demux(stream):
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or seams.shift(packet.pts, packet.dts):
            return 0
        if stamp * packet.time_base > before:
            return int(packet.pos or 0)
    return 0


def _reaches(
    trial: av.container.InputContainer, index: int, before: Fraction, to: Fraction | None
) -> bool:
    stream = trial.streams[index]
    assert isinstance(stream, av.VideoStream)
    farthest = _last_byte_before(trial, stream, before) if may_jump(trial) else None
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
