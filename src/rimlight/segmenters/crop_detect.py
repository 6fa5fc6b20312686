"""Bars of one color around a picture, as films and phone videos have them: no model looks at them.

Models of people draw a body on into a black bar below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.imaging.color import split_planes
from rimlight.imaging.roi import crop_i420, paste_roi

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]

LEAST = 0.02
"""A bar is at least this share of the side that it is cut from."""
_LEVELS = 8
"""How much the levels of a bar may differ from their mean: a JPEG's do a little."""
_SHARP = 0.5
"""Share of the line behind a bar that must differ: a wall above somebody's head is no bar."""
_BEHIND = 2
"""Lines between a bar and the line that must differ: scaling and compression blur a little."""
_STEP = 4
"""Every fourth pixel of a line is looked at."""
_CHUNK = 64
"""So many lines are looked at together."""
_LEAST_PX = 16
"""Minimum width and height of a picture within bars."""
_MOST_SIDE = 512


class Borders:
    """Finds the bars around pictures; in a stream, what was found stays while it is there."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._size = (0, 0)
        self._pts = Fraction(0)

    def box(self, frame: Frame) -> Box | None:
        """Return (left, top, right, bottom) of the picture within its bars, None without bars.

        All four are even where the frame is I420.
        """
        picture = _picture(frame)
        follows = frame.size == self._size and is_continuous(self._pts, frame.pts)
        self._pts, self._size = frame.pts, frame.size
        if self._box is None or not follows or not _still(picture, self._box):
            self._box = _found(picture, even=frame.layout == "i420")
        return self._box


def cut_frame(frame: Frame, box: Box) -> Frame:
    """Return (left, top, right, bottom) of `frame`, all even in I420, in its own layout."""
    left, top, right, bottom = box
    if frame.layout == "bgr":
        return frame.with_bgr(frame.image[top:bottom, left:right])
    size = (right - left, bottom - top)
    return replace(frame, image=crop_i420(frame.image, box), size=size, alpha=None)


def in_whole(mask: Mask, box: Box, size: tuple[int, int]) -> Mask:
    """Return a mask of the picture in `box` as one of the whole frame of (width, height) `size`."""
    scale = max(mask.shape) / max(box[2] - box[0], box[3] - box[1])
    side = min(_MOST_SIDE, round(scale * max(size)))
    return mask.with_scores(paste_roi(mask.scores[..., 0], box, size, side)[..., None])


def _picture(frame: Frame) -> Image:
    """Return what is compared, uint8 (h, w, channels): luma of I420, else BGR."""
    if frame.layout == "bgr":
        return frame.image
    width, height = frame.size
    return split_planes(frame.image)[0][:height, :width, None]


def _found(picture: Image, *, even: bool) -> Box | None:
    height, width = picture.shape[:2]
    top, bottom = _depth(picture), _depth(picture[::-1])
    inside = picture[top : height - bottom].swapaxes(0, 1)
    left, right = _depth(inside), _depth(inside[::-1])
    if not (top or bottom or left or right):
        return None
    box = left, top, width - right, height - bottom
    if even:
        box = left + left % 2, top + top % 2, box[2] - box[2] % 2, box[3] - box[3] % 2
    return box if min(box[2] - box[0], box[3] - box[1]) >= _LEAST_PX else None


def _depth(lines: Image) -> int:
    """Return how many of the first lines are a bar.

    A few pixels tell that there is none, in nearly all pictures, and two lines in the others: the
    first, and one just deep enough.
    """
    few = lines[0, :: 16 * _STEP]
    if (few.max(axis=0) - few.min(axis=0)).max() > 2 * _LEVELS:  # no level is near them all
        return 0
    deep = int(LEAST * len(lines))
    edge = lines[: deep + 1 : max(1, deep), ::_STEP]
    level = np.rint(edge[0].mean(axis=0)).astype(np.int16)
    if _differs(edge, level).any():
        return 0
    depth = next(_first_other(lines, level), len(lines))
    behind = depth + _BEHIND
    if depth < LEAST * len(lines) or behind >= len(lines):
        return 0
    return depth if _differs(lines[behind, ::_STEP], level).mean() >= _SHARP else 0


def _first_other(lines: Image, level: NDArray[np.int16]) -> Iterator[int]:
    """Yield the places of the lines that are not of one color, some at a time."""
    for start in range(0, len(lines), _CHUNK):
        some = _differs(lines[start : start + _CHUNK, ::_STEP], level)
        yield from (start + int(row) for row in np.flatnonzero(some.any(axis=1)))


def _differs(pixels: Image, level: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return where pixels, the last axis their channels, are not of one color."""
    return np.asarray((np.abs(pixels.astype(np.int16) - level) > _LEVELS).any(axis=-1))


def _still(picture: Image, box: Box) -> bool:
    """Say whether the bars around `box` are still of one color each."""
    left, top, right, bottom = box
    inside = picture[top:bottom]
    sides = picture[:top], picture[bottom:], inside[:, :left], inside[:, right:]
    return all(_is_flat(side) for side in sides if side.size)


def _is_flat(bar: Image) -> bool:
    few = bar[:: max(1, bar.shape[0] // 4), :: max(1, bar.shape[1] // 64)].astype(np.int16)
    return bool(np.abs(few - few.mean(axis=(0, 1))).max() <= 2 * _LEVELS)
