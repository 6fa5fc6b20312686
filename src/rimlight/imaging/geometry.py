"""Where a picture lies in a box of another shape, and how to cut it out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Values = TypeVar("Values", NDArray[np.float32], NDArray[np.uint8])


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; in pixels, or in parts of pixels after `scaled`."""

    left: float
    top: float
    width: float
    height: float

    def scaled(self, x: float, y: float) -> Rect:
        """Return the rectangle in a picture that is `x` times as wide and `y` times as high."""
        return Rect(self.left * x, self.top * y, self.width * x, self.height * y)


def letterbox(size: tuple[int, int], box: tuple[int, int]) -> Rect:
    """Return where a picture of `size` lies in `box` when it is centerd and keeps its shape.

    Args:
        size: (width, height) of the picture.
        box: (width, height) of the box, which the picture fills in one direction.

    Returns:
        Whole pixels; each side is at least 1.
    """
    ratio = min(box[0] / size[0], box[1] / size[1])
    width = min(box[0], max(1, round(size[0] * ratio)))
    height = min(box[1], max(1, round(size[1] * ratio)))
    return Rect((box[0] - width) // 2, (box[1] - height) // 2, width, height)


def cut(values: Values, rect: Rect, *, smooth: bool = True) -> Values:
    """Return what lies under `rect`, which may begin and end between two pixels.

    Args:
        values: float32 or uint8 (h, w) or (h, w, channels).
        rect: within `values`; pixel number n covers n to n + 1.
        smooth: mix the neighbors bilinearly; else take the nearest, as labels need it.

    Returns:
        A new array with the sides of `rect` rounded to whole pixels, at least 1.
    """
    width, height = max(1, round(rect.width)), max(1, round(rect.height))
    left, top = int(rect.left), int(rect.top)
    if rect == Rect(left, top, width, height):
        return values[top : top + height, left : left + width].copy()
    x, y = rect.width / width, rect.height / height
    shift_x, shift_y = rect.left + (x - 1) / 2, rect.top + (y - 1) / 2
    matrix = np.array([[x, 0, shift_x], [0, y, shift_y]])
    how = (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(
        values, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return cast(Values, out.reshape(height, width, *values.shape[2:]))
