"""How a picture meets a frame of another size."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import planes
from rimlight.imaging.geometry import letterbox

Image = NDArray[np.uint8]
Fit = Literal["fill", "fit", "stretch", "tile"]


def fit_picture(
    picture: Image,
    size: tuple[int, int],
    *,
    how: Fit,
    backdrop: tuple[int, int, int] = (0, 0, 0),
    aspect: Fraction = Fraction(1),
) -> Image:
    """Return `picture` at another size.

    Args:
        picture: uint8 (height, width, 3), BGR.
        size: the result's (width, height).
        how: "fill" covers it and cuts off what is over; "fit" shows all, between bars;
            "stretch" ignores proportions; "tile" repeats it at its own size.
        backdrop: (blue, green, red) of the bars.
        aspect: width to height of the picture's pixels, where the result's are square.

    Returns:
        uint8 (size[1], size[0], 3); `picture` itself where nothing needs to be done.
    """
    if how == "tile":
        height, width = picture.shape[:2]
        return _tiled(_resized(picture, (max(1, round(width * aspect)), height)), size)
    if how == "fit":
        return _between_bars(picture, size, backdrop, aspect)
    return _resized(_middle(picture, size, aspect) if how == "fill" else picture, size)


def stretch_i420(i420: Image, size: tuple[int, int], dst: Image) -> Image:
    """Return an I420 picture at another size, proportions ignored.

    Args:
        i420: uint8 (rows * 3/2, columns).
        size: the result's (width, height), both even.
        dst: uint8 (height * 3/2, width), written to and returned.
    """
    width, height = size
    sizes = ((width, height), (width // 2, height // 2), (width // 2, height // 2))
    for plane, wanted, out in zip(planes(i420), sizes, planes(dst), strict=True):
        cv2.resize(plane, wanted, dst=out, interpolation=cv2.INTER_LINEAR)
    return dst


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    smaller = size[0] * size[1] < width * height
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cast(Image, cv2.resize(picture, size, interpolation=how))


def _middle(picture: Image, size: tuple[int, int], aspect: Fraction) -> Image:
    """Cut out the middle part that has the proportions of `size`."""
    shown = size[0] * aspect.denominator, size[1] * aspect.numerator
    box = letterbox(shown, (picture.shape[1], picture.shape[0]))
    left, top, width, height = (int(side) for side in (box.left, box.top, box.width, box.height))
    return picture[top : top + height, left : left + width]


def _between_bars(
    picture: Image, size: tuple[int, int], backdrop: tuple[int, int, int], aspect: Fraction
) -> Image:
    height, width = picture.shape[:2]
    box = letterbox((width * aspect.numerator, height * aspect.denominator), size)
    left, top, width, height = (int(side) for side in (box.left, box.top, box.width, box.height))
    out = np.full((size[1], size[0], 3), backdrop, np.uint8)
    out[top : top + height, left : left + width] = _resized(picture, (width, height))
    return out


def _tiled(picture: Image, size: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    times = -(-size[1] // height), -(-size[0] // width), 1
    return np.ascontiguousarray(np.tile(picture, times)[: size[1], : size[0]])
