"""Where a picture lies in a box of another shape, and how to cut it out again."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import split_planes

Values = TypeVar("Values", NDArray[np.float32], NDArray[np.uint8])

Image = NDArray[np.uint8]
Fit = Literal["fill", "fit", "stretch", "tile"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; in pixels, or in parts of pixels after `scaled`."""

    left: float
    top: float
    width: float
    height: float

    def scale(self, x: float, y: float) -> Rect:
        """Return the rectangle in a picture that is `x` times as wide and `y` times as high."""
        return Rect(self.left * x, self.top * y, self.width * x, self.height * y)


def letterbox(size: tuple[int, int], box: tuple[int, int]) -> Rect:
    """Return where a picture of `size` lies in `box` when it is centered and keeps its shape.

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


def compute_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each pair, (n, m), for boxes (n, 4) and (m, 4)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1) for b in (one, other)]
    either = areas[0][:, None] + areas[1][None] - both
    return np.asarray(both / np.maximum(either, 1e-12))


def crop(values: Values, rect: Rect, *, smooth: bool = True) -> Values:
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


@dataclass(frozen=True, slots=True)
class Orientation:
    """Swap rows and columns first, then mirror: together the eight ways to lay a picture down.

    Attributes:
        transpose: rows become columns.
        mirror: then left and right change places.
        flip: then top and bottom change places.
    """

    transpose: bool = False
    flip_horizontal: bool = False
    flip_vertical: bool = False

    def transform_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) that a picture of `size` has afterwards."""
        return (size[1], size[0]) if self.transpose else size

    def apply(self, picture: Image, dst: Image | None = None) -> Image:
        """Return `picture`, uint8 (h, w) or (h, w, channels), the right way up.

        Args:
            picture: is not changed, and returned itself if it is upright and `dst` is None.
            dst: an array of the result's shape to write into.
        """
        turned = cast(Image, cv2.transpose(picture)) if self.transpose else picture
        if self.flip_horizontal or self.flip_vertical:
            code = -1 if self.flip_horizontal and self.flip_vertical else int(self.flip_horizontal)
            return cast(Image, cv2.flip(turned, code, dst=dst))
        if dst is None:
            return turned
        np.copyto(dst, turned)
        return dst


UPRIGHT = Orientation()


def parse_display_matrix(matrix: bytes) -> Orientation:
    """Read FFmpeg's display matrix: nine int32 (a, b, u, c, d, v, x, y, w) in native order.

    Turns by other angles than quarters are taken for the nearest one.
    """
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_horizontal=c < 0, flip_vertical=b < 0)
    return Orientation(flip_horizontal=a < 0, flip_vertical=d < 0)


def fit_image(
    image: Image,
    size: tuple[int, int],
    *,
    mode: Fit,
    pad_color: tuple[int, int, int] = (0, 0, 0),
    aspect: Fraction = Fraction(1),
) -> Image:
    """Return `image` at another size.

    Args:
        image: uint8 (height, width, 3), BGR.
        size: the result's (width, height).
        mode: "fill" covers it and cuts off what is over; "fit" shows all, between bars;
            "stretch" ignores proportions; "tile" repeats it at its own size.
        pad_color: (blue, green, red) of the bars.
        aspect: width to height of the picture's pixels, where the result's are square.

    Returns:
        uint8 (size[1], size[0], 3); `image` itself where nothing needs to be done.
    """
    if mode == "tile":
        height, width = image.shape[:2]
        return _tile(_resize(image, (max(1, round(width * aspect)), height)), size)
    if mode == "fit":
        return _letterbox_image(image, size, pad_color, aspect)
    return _resize(_crop_center(image, size, aspect) if mode == "fill" else image, size)


def stretch_i420(i420: Image, size: tuple[int, int], dst: Image) -> Image:
    """Return an I420 picture at another size, proportions ignored.

    Args:
        i420: uint8 (rows * 3/2, columns).
        size: the result's (width, height), both even.
        dst: uint8 (height * 3/2, width), written to and returned.
    """
    width, height = size
    sizes = ((width, height), (width // 2, height // 2), (width // 2, height // 2))
    for plane, wanted, out in zip(split_planes(i420), sizes, split_planes(dst), strict=True):
        cv2.resize(plane, wanted, dst=out, interpolation=cv2.INTER_LINEAR)
    return dst


def _resize(picture: Image, size: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    smaller = size[0] * size[1] < width * height
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cast(Image, cv2.resize(picture, size, interpolation=how))


def _crop_center(picture: Image, size: tuple[int, int], aspect: Fraction) -> Image:
    """Cut out the middle part that has the proportions of `size`."""
    shown = size[0] * aspect.denominator, size[1] * aspect.numerator
    box = letterbox(shown, (picture.shape[1], picture.shape[0]))
    left, top, width, height = (int(side) for side in (box.left, box.top, box.width, box.height))
    return picture[top : top + height, left : left + width]


def _letterbox_image(
    picture: Image, size: tuple[int, int], pad_color: tuple[int, int, int], aspect: Fraction
) -> Image:
    height, width = picture.shape[:2]
    box = letterbox((width * aspect.numerator, height * aspect.denominator), size)
    left, top, width, height = (int(side) for side in (box.left, box.top, box.width, box.height))
    out = np.full((size[1], size[0], 3), pad_color, np.uint8)
    out[top : top + height, left : left + width] = _resize(picture, (width, height))
    return out


def _tile(picture: Image, size: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    times = -(-size[1] // height), -(-size[0] // width), 1
    return np.ascontiguousarray(np.tile(picture, times)[: size[1], : size[0]])
