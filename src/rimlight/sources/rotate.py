"""Rotates the frames of a source before all other components, by the option `rotate`."""

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

if TYPE_CHECKING:
    from rimlight.core.protocols import Source

Image = NDArray[np.uint8]

ORIENTATIONS = {
    0: UPRIGHT,
    90: Orientation(transpose=True, flip_horizontal=True),
    180: Orientation(flip_horizontal=True, flip_vertical=True),
    270: Orientation(transpose=True, flip_vertical=True),
}
"""By degrees clockwise."""


def rotate_source(source: Source, degrees: int) -> Source:
    """Return `source` with its frames rotated clockwise; itself for 0 degrees."""
    turn = ORIENTATIONS[degrees]
    if turn == UPRIGHT:
        return source
    if hasattr(source, "resume"):
        return RotatedSeekable(source, turn)
    return (
        RotatedInterruptible(source, turn)
        if hasattr(source, "stop_waiting")
        else RotatedSource(source, turn)
    )


class RotatedSource:
    """Rotates every frame of a source. Owns the source and closes it."""

    def __init__(self, source: Source, turn: Orientation) -> None:
        self._source: Any = source
        self._turn = turn
        self.stored_size = source.info.size
        """(width, height) of the frames before the rotation."""

    @property
    def info(self) -> SourceInfo:
        """The description of the source, with size and pixel aspect rotated."""
        info: SourceInfo = self._source.info
        shape = 1 / info.sample_aspect if self._turn.transpose else info.sample_aspect
        return replace(info, size=self._turn.transform_size(info.size), sample_aspect=shape)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the rotated frames.

        Raises:
            SourceReadError: the source broke before its end.
        """
        for frame in self._source:
            yield rotate_frame(frame, self._turn)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class RotatedInterruptible(RotatedSource):
    """Rotates a source that can be interrupted while it waits for a frame."""

    def stop_waiting(self) -> None:
        """End the iteration. Any thread may call this."""
        self._source.stop_waiting()


class RotatedSeekable(RotatedSource):
    """Rotates a source that can skip frames which an earlier run processed."""

    @property
    def is_exhausted(self) -> bool:
        """All frames were read."""
        return cast(bool, self._source.is_exhausted)

    def resume(self, at: Fraction, *, lead_s: Fraction) -> None:
        """Skip the frames that an earlier run processed."""
        self._source.resume(at, lead_s=lead_s)


def rotate_frame(frame: Frame, turn: Orientation) -> Frame:
    """Return a rotated frame in the same layout; I420 of an odd size becomes BGR."""
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
