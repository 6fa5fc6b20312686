"""Detect uniform bars around a frame (letterbox, pillarbox), like FFmpeg's cropdetect.

Models of people extend a body into a black bar below it, so the bars are cropped before inference.
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

MIN_BAR = 0.02
"""Minimum depth of a bar as a share of the frame's side."""
_MAX_DEVIATION = 8
"""Maximum deviation of a bar's levels from their mean, e.g. by JPEG compression."""
_MIN_CONTRAST_SHARE = 0.5
"""Minimum share of differing pixels behind a bar: a wall above a head is not a bar."""
_EDGE_LINES = 2
"""Lines between a bar and the line that must differ, blurred by scaling and compression."""
_STEP = 4
"""Every fourth pixel of a line is compared."""
_CHUNK = 64
"""Lines that are compared together."""
_MIN_SIDE_PX = 16
"""Minimum width and height of the content."""
_MAX_MASK_SIDE = 512


class BarDetector:
    """Detects bars; in a stream, detected bars are kept while they stay uniform."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._size = (0, 0)
        self._pts = Fraction(0)

    def detect(self, frame: Frame) -> Box | None:
        """Return (left, top, right, bottom) of the content; None without bars.

        All four are even if the frame is I420.
        """
        picture = _get_pixels(frame)
        follows = frame.size == self._size and is_continuous(self._pts, frame.pts)
        self._pts, self._size = frame.pts, frame.size
        if self._box is None or not follows or not _is_unchanged(picture, self._box):
            self._box = _find_box(picture, even=frame.layout == "i420")
        return self._box


def crop_frame(frame: Frame, box: Box) -> Frame:
    """Crop `frame` to (left, top, right, bottom), all even in I420; keep its layout."""
    left, top, right, bottom = box
    if frame.layout == "bgr":
        return frame.with_bgr(frame.image[top:bottom, left:right])
    size = (right - left, bottom - top)
    return replace(frame, image=crop_i420(frame.image, box), size=size, alpha=None)


def uncrop_mask(mask: Mask, box: Box, size: tuple[int, int]) -> Mask:
    """Paste a mask of the crop `box` into a mask of the whole frame of (width, height) `size`."""
    scale = max(mask.shape) / max(box[2] - box[0], box[3] - box[1])
    side = min(_MAX_MASK_SIDE, round(scale * max(size)))
    return mask.with_scores(paste_roi(mask.scores[..., 0], box, size, side)[..., None])


def _get_pixels(frame: Frame) -> Image:
    """Return the compared pixels, uint8 (h, w, channels): luma of I420, else BGR."""
    if frame.layout == "bgr":
        return frame.image
    width, height = frame.size
    return split_planes(frame.image)[0][:height, :width, None]


def _find_box(picture: Image, *, even: bool) -> Box | None:
    height, width = picture.shape[:2]
    top, bottom = _measure_bar(picture), _measure_bar(picture[::-1])
    inside = picture[top : height - bottom].swapaxes(0, 1)
    left, right = _measure_bar(inside), _measure_bar(inside[::-1])
    if not (top or bottom or left or right):
        return None
    box = left, top, width - right, height - bottom
    if even:
        box = left + left % 2, top + top % 2, box[2] - box[2] % 2, box[3] - box[3] % 2
    return box if min(box[2] - box[0], box[3] - box[1]) >= _MIN_SIDE_PX else None


def _measure_bar(lines: Image) -> int:
    """Return the number of leading lines that form a bar.

    Most frames without a bar are rejected by a few pixels of the first line, most others by two
    lines: the first one and the one at the minimum depth.
    """
    few = lines[0, :: 16 * _STEP]
    if (few.max(axis=0) - few.min(axis=0)).max() > 2 * _MAX_DEVIATION:
        return 0
    deep = int(MIN_BAR * len(lines))
    edge = lines[: deep + 1 : max(1, deep), ::_STEP]
    level = np.rint(edge[0].mean(axis=0)).astype(np.int16)
    if _find_deviations(edge, level).any():
        return 0
    depth = next(_find_other_lines(lines, level), len(lines))
    behind = depth + _EDGE_LINES
    if depth < MIN_BAR * len(lines) or behind >= len(lines):
        return 0
    return (
        depth
        if _find_deviations(lines[behind, ::_STEP], level).mean() >= _MIN_CONTRAST_SHARE
        else 0
    )


def _find_other_lines(lines: Image, level: NDArray[np.int16]) -> Iterator[int]:
    """Yield the indices of the lines that deviate from `level`, chunk by chunk."""
    for start in range(0, len(lines), _CHUNK):
        some = _find_deviations(lines[start : start + _CHUNK, ::_STEP], level)
        yield from (start + int(row) for row in np.flatnonzero(some.any(axis=1)))


def _find_deviations(pixels: Image, level: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return where pixels (..., channels) deviate from `level`."""
    return np.asarray((np.abs(pixels.astype(np.int16) - level) > _MAX_DEVIATION).any(axis=-1))


def _is_unchanged(picture: Image, box: Box) -> bool:
    """Return True if each bar around `box` is still uniform."""
    left, top, right, bottom = box
    inside = picture[top:bottom]
    sides = picture[:top], picture[bottom:], inside[:, :left], inside[:, right:]
    return all(_is_flat(side) for side in sides if side.size)


def _is_flat(bar: Image) -> bool:
    few = bar[:: max(1, bar.shape[0] // 4), :: max(1, bar.shape[1] // 64)].astype(np.int16)
    return bool(np.abs(few - few.mean(axis=(0, 1))).max() <= 2 * _MAX_DEVIATION)
