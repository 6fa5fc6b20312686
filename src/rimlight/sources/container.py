"""What a container promises of its video."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from rimlight.libav import av

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Announced:
    """What the container promises of its video.

    Attributes:
        frames: their exact number, None when the container does not know.
        end: when the last one ends, in seconds after the first one starts.
        rate: how many a second, on average.
    """

    frames: int | None
    end: Fraction | None
    rate: Fraction | None

    @property
    def count(self) -> int | None:
        """How many frames to expect, estimated if need be."""
        if self.frames is not None or self.end is None or self.rate is None:
            return self.frames
        return max(1, round(self.end * self.rate))

    def is_short(self, frames: int, end: Fraction) -> bool:
        """Say whether `frames` frames until `end` are markedly less than promised.

        Containers are a little wrong now and then, so 5 % (at least two frames, or a second where
        only the duration is known) may be missing.
        """
        if self.frames is not None:
            return self.frames - frames > max(2, self.frames * 0.05)
        return self.end is not None and self.end - end > max(Fraction(1), self.end / 20)


def announced(container: av.container.InputContainer, stream: av.VideoStream) -> Announced:
    """Read from the headers how much video to expect."""
    rate = stream.average_rate or stream.guessed_rate or None
    entries = stream.index_entries
    frames = stream.frames or None
    if frames and len(entries) == frames:
        # An MP4 cut without re-encoding counts the frames before the cut, and hides them.
        frames = sum(not entry.is_discard for entry in entries)
    return Announced(frames, _duration(container, stream), rate)


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska counts from zero, wherever the first frame is
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return end - (stream.start_time or 0) * (stream.time_base or 0)
    if container.duration and len(container.streams) == 1:  # else the sound may be the longer one
        return Fraction(container.duration, _MICROSECONDS)
    return None
