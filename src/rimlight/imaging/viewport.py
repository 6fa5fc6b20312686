"""A part of a picture, enlarged to the whole, and the same part of its mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import split_planes

Image = NDArray[np.uint8]
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.uint8])


@dataclass(frozen=True, slots=True)
class Viewport:
    """A rectangle of the shape of the picture, in shares of its sides.

    Attributes:
        left: of its left edge; below 0 it begins outside of the picture.
        top: of its upper edge.
        scale: its width and height; 0.5 enlarges the picture twice, 2 shrinks it to a half.
    """

    left: float = 0.0
    top: float = 0.0
    scale: float = 1.0

    @property
    def is_whole(self) -> bool:
        """It shows the picture as it is."""
        return self == WHOLE


WHOLE = Viewport()


def enlarge_plane(plane: Image, view: Viewport, dst: Image) -> None:
    """Write the part of `plane` under `view` into `dst`, at the size of `dst`.

    Whole pixels are enlarged, and the result is cut out of them at the nearest of its own pixels:
    a part that moves slowly moves by single pixels of the result. (An affine warp of the same
    precision takes four times as long.)

    Args:
        plane: uint8 (h, w) or (h, w, channels).
        view: inside of the picture.
        dst: uint8, the shape of `plane`.
    """
    rows, top, down = _enlarge_axis(view.top, view.scale, plane.shape[0])
    columns, left, across = _enlarge_axis(view.left, view.scale, plane.shape[1])
    large = cv2.resize(plane[rows, columns], (across, down), interpolation=cv2.INTER_LINEAR)
    np.copyto(dst, large[top : top + plane.shape[0], left : left + plane.shape[1]])


def enlarge_i420(i420: Image, view: Viewport, dst: Image) -> Image:
    """Write the part of an I420 picture under `view` into `dst`; return `dst`.

    Args:
        i420: uint8 (rows*3/2, columns).
        view: inside of the picture.
        dst: the same shape.
    """
    for plane, out in zip(split_planes(i420), split_planes(dst), strict=True):
        enlarge_plane(plane, view, out)
    return dst


def move_plane(values: Values, view: Viewport, size: tuple[int, int]) -> Values:
    """Return what is under `view` at another size; 0 where there is nothing.

    Args:
        values: float32 or uint8, (h, w) or (h, w, channels).
        view: any part, also one that reaches over the borders.
        size: (width, height) of the result.
    """
    height, width = values.shape[:2]
    across, down = view.scale * width / size[0], view.scale * height / size[1]
    # Pixels are areas: the middle of the first one is at a half.
    left, top = (across - 1) / 2 + view.left * width, (down - 1) / 2 + view.top * height
    matrix = np.array([[across, 0, left], [0, down, top]], np.float64)
    inside = view.left >= 0 and view.top >= 0 and max(view.left, view.top) + view.scale <= 1
    border = cv2.BORDER_REPLICATE if inside else cv2.BORDER_CONSTANT
    moved = cv2.warpAffine(
        values,
        matrix,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )
    return cast(Values, moved.reshape(size[1], size[0], *values.shape[2:]))


def _enlarge_axis(start: float, scale: float, count: int) -> tuple[slice, int, int]:
    """Return which pixels to enlarge, where the result begins in them, and their new number."""
    first = min(max(0, math.floor(start * count)), count - 1)
    last = max(first + 1, min(count, math.ceil((start + scale) * count - 1e-6)))
    length = max(count, round((last - first) / scale))
    offset = round((start * count - first) / scale)
    return slice(first, last), min(max(0, offset), length - count), length
