"""A segmenter that remembers nothing from before a segment, for runs that can go on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import read_notes

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Segmenter


class PerSegmentSegmenter:
    """Opens a segmenter that follows what it sees anew for each segment of time.

    So the masks of a segment depend on its own frames alone.

    Args:
        open_one: opens it.
        segment_s: a frame belongs to segment number `pts // segment_s`.
    """

    def __init__(self, open_one: Callable[[], Segmenter], *, segment_s: Fraction) -> None:
        self._open_one = open_one
        self._segment_s = segment_s
        self._segmenter = open_one()
        self._number: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the segmenter."""
        return read_notes(self._segmenter)

    def segment(self, frame: Frame) -> Mask:
        """Return the mask that the segment's own segmenter makes."""
        number = frame.pts // self._segment_s
        if self._number is not None and number != self._number:
            self._segmenter.close()
            self._segmenter = self._open_one()
        self._number = number
        return self._segmenter.segment(frame)

    def close(self) -> None:
        """Close the segmenter."""
        self._segmenter.close()
