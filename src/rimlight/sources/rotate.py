"""A source whose pictures are turned before anything else sees them, as `rotate` asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import split_planes
from rimlight.imaging.geometry import UPRIGHT, Orientation

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Source

Image = NDArray[np.uint8]

TURNS = {
    0: UPRIGHT,
    90: Orientation(transpose=True, flip_horizontal=True),
    180: Orientation(flip_horizontal=True, flip_vertical=True),
    270: Orientation(transpose=True, flip_vertical=True),
}
"""How far clockwise, in degrees."""


def turned(source: Source, degrees: int) -> Source:
    """Return `source` with its frames rotated clockwise; itself for 0 degrees."""
    turn = TURNS[degrees]
    if turn == UPRIGHT:
        return source
    if hasattr(source, "resume"):
        return TurnedSeekable(source, turn)
    return TurnedWaiting(source, turn) if hasattr(source, "stop_waiting") else Turned(source, turn)


class Turned:
    """Turns every picture of a source. Takes it over and closes it."""

    def __init__(self, source: Source, turn: Orientation) -> None:
        self._source: Any = source
        self._turn = turn
        self.stored_size = source.info.size
        """(width, height) of the pictures before they are turned."""

    @property
    def info(self) -> SourceInfo:
        """What the source is, its size and the shape of its pixels turned."""
        info: SourceInfo = self._source.info
        shape = 1 / info.sample_aspect if self._turn.transpose else info.sample_aspect
        return replace(info, size=self._turn.transform_size(info.size), sample_aspect=shape)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames, turned.

        Raises:
            SourceReadError: the source broke before its end.
        """
        for frame in self._source:
            yield turned_frame(frame, self._turn)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class TurnedWaiting(Turned):
    """The same of a source that may wait for its next frame for ever."""

    def stop_waiting(self) -> None:
        """Let the iteration end. Any thread."""
        self._source.stop_waiting()


class TurnedSeekable(Turned):
    """The same of a source that can leave out what is done already."""

    @property
    def is_exhausted(self) -> bool:
        """Whether all frames were taken."""
        return cast(bool, self._source.is_exhausted)

    def resume(self, at: Fraction, *, lead_s: Fraction) -> None:
        """Leave out what an earlier run did."""
        self._source.resume(at, lead_s=lead_s)


def turned_frame(frame: Frame, turn: Orientation) -> Frame:
    """Return a frame turned, in its own layout; I420 of an odd size becomes BGR."""
    alpha = None if frame.alpha is None else np.ascontiguousarray(turn.apply(frame.alpha))
    shape = 1 / frame.sample_aspect if turn.transpose else frame.sample_aspect
    if frame.layout == "bgr" or any(side % 2 for side in frame.size):
        bgr = np.ascontiguousarray(turn.apply(frame.bgr))
        return replace(frame.with_bgr(bgr, alpha), sample_aspect=shape)
    width, height = size = turn.transform_size(frame.size)
    out = np.empty((height * 3 // 2, width), np.uint8)
    for plane, target in zip(split_planes(frame.image), split_planes(out), strict=True):
        target[...] = turn.apply(plane)
    return replace(frame, image=out, size=size, alpha=alpha, sample_aspect=shape)
