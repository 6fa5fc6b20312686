"""A part of a picture: found around a mask, cut out, and a mask put back into the whole."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import split_planes
from rimlight.imaging.geometry import Rect

Alpha = NDArray[np.float32]
Image = NDArray[np.uint8]

_ENLARGE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

MIN_ASPECT = 0.7
"""Least width of a part of a picture, as a share of its height."""
STRAY_SHARE = 0.002
"""Share of a mask's pixels that may lie outside its bounds on each side: specks."""


def find_mask_bounds(alpha: Alpha, *, min_share: float) -> Rect | None:
    """Return what holds the pixels of `alpha` from 0.5 up, but for a few strays.

    Args:
        alpha: float32 (h, w) in [0, 1].
        min_share: with a smaller share of the picture than this there is nothing to hold.

    Returns:
        Shares of the picture's width and height, in [0, 1]; None where there is nothing.
    """
    solid = (alpha >= 0.5).astype(np.uint8)
    if cv2.countNonZero(solid) <= min_share * solid.size:
        return None
    left, right = _find_span(solid, 0)
    top, bottom = _find_span(solid, 1)
    return Rect(left, top, right - left, bottom - top)


def pad_roi(rect: Rect, margin: float, size: tuple[int, int]) -> Rect:
    """Return `rect` with `margin` of its sides added on each side, as far as the picture goes.

    What would be too narrow is widened further: stretched over a model's input, a
    standing person would be a shape that it has never seen.

    Args:
        rect: shares of the picture.
        margin: a share of each side.
        size: (width, height) of the picture.
    """
    high = (1 + 2 * margin) * rect.height
    wide = max((1 + 2 * margin) * rect.width, MIN_ASPECT * high * size[1] / size[0])
    x, y = rect.left + rect.width / 2, rect.top + rect.height / 2
    left, top = max(0.0, x - wide / 2), max(0.0, y - high / 2)
    right, bottom = min(1.0, x + wide / 2), min(1.0, y + high / 2)
    return Rect(left, top, right - left, bottom - top)


def contains(outer: Rect, inner: Rect) -> bool:
    """Whether `inner` lies within `outer`; where the picture ends, touching is enough."""
    return (
        outer.left <= inner.left
        and outer.top <= inner.top
        and outer.left + outer.width >= inner.left + inner.width
        and outer.top + outer.height >= inner.top + inner.height
    )


def to_even_pixels(rect: Rect, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return `rect` (shares of a picture) as even (left, top, right, bottom) pixels of `size`.

    At least two pixels a side. Where the picture ends on an odd pixel, padding adds the last one:
    a row left out there would show as an edge of the mask all along the picture's end.
    """
    left, right = _round_to_even(rect.left, rect.width, size[0])
    top, bottom = _round_to_even(rect.top, rect.height, size[1])
    return left, top, right, bottom


def crop_i420(i420: Image, box: tuple[int, int, int, int]) -> Image:
    """Return a copy of (left, top, right, bottom), all even, of an I420 picture."""
    left, top, right, bottom = box
    out = np.empty(((bottom - top) * 3 // 2, right - left), np.uint8)
    for source, target, step in zip(split_planes(i420), split_planes(out), (1, 2, 2), strict=True):
        target[...] = source[top // step : bottom // step, left // step : right // step]
    return out


def paste_roi(
    part: Alpha, box: tuple[int, int, int, int], size: tuple[int, int], side: int
) -> Alpha:
    """Return a mask of the whole picture with `part` in its place and 0 around it.

    Args:
        part: float32 (h, w), the mask of what lies in `box`.
        box: (left, top, right, bottom) in pixels of the picture.
        size: (width, height) of the picture.
        side: pixels of the longer side of the result.
    """
    scale = side / max(size)
    shape = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    x, y = shape[0] / size[0], shape[1] / size[1]
    across = part.shape[1] / ((box[2] - box[0]) * x)
    down = part.shape[0] / ((box[3] - box[1]) * y)
    left, right = _to_cells(box[0] * x, box[2] * x, shape[0])
    top, bottom = _to_cells(box[1] * y, box[3] * y, shape[1])
    # Half a pixel more and less: centers of pixels lie on centers.
    shift = (left + 0.5 - box[0] * x) * across - 0.5, (top + 0.5 - box[1] * y) * down - 0.5
    matrix = np.array([[across, 0, shift[0]], [0, down, shift[1]]])
    place = right - left, bottom - top
    near = cv2.warpAffine(part, matrix, place, flags=_ENLARGE, borderMode=cv2.BORDER_REPLICATE)
    out = np.zeros(shape[::-1], np.float32)
    out[top:bottom, left:right] = near
    return out


def _to_cells(start: float, end: float, most: int) -> tuple[int, int]:
    """Return the first cell of a mask `most` cells wide, and the one after the last.

    The even box of a picture of odd size ends a pixel beyond it.
    """
    first = min(round(start), most - 1)
    return first, max(first + 1, min(round(end), most))


def _find_span(solid: Image, axis: int) -> tuple[float, float]:
    """Return where the ones begin and end along columns (0) or rows (1), without strays."""
    counts = cv2.reduce(solid, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    total = np.cumsum(counts)
    first, last = np.searchsorted(total, [STRAY_SHARE * total[-1], (1 - STRAY_SHARE) * total[-1]])
    return float(first) / len(counts), float(last + 1) / len(counts)


def _round_to_even(start: float, length: float, side: int) -> tuple[int, int]:
    most = side + side % 2
    first = min(int(start * side) // 2 * 2, most - 2)
    last = min(-(-math.ceil((start + length) * side) // 2) * 2, most)
    return first, max(last, first + 2)
