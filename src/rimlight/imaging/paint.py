"""Color laid over a picture, by an index for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import ColorSpace, bgr_to_i420, pad_even, planes

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Paint:
    """What each of 256 indices looks like.

    Attributes:
        colors: uint8 (256, 3), BGR.
        opacity: uint8 (256,); 0 leaves the picture as it is.
    """

    colors: Image
    opacity: Image


def paint_bgr(picture: Image, index: Image, paint: Paint, *, dst: Image) -> Image:
    """Lay `paint` over a BGR picture.

    Args:
        picture: uint8 (h, w, 3).
        index: uint8 (h, w).
        paint: what each index looks like.
        dst: takes the result; the shape of `picture`.

    Returns:
        `dst`.
    """
    shares = cv2.LUT(index, 255 - paint.opacity)
    channels = [cv2.LUT(index, _coat(level, paint.opacity)) for level in paint.colors.T]
    cv2.multiply(picture, cv2.merge([shares, shares, shares]), dst=dst, scale=1 / 255)
    return cast(Image, cv2.add(dst, cv2.merge(channels), dst=dst))


def paint_i420(
    picture: Image, index: Image, paint: Paint, *, color: ColorSpace, dst: Image
) -> Image:
    """Lay `paint` over an I420 picture; see `paint_bgr`.

    Args:
        picture: uint8 (rows*3/2, columns).
        index: uint8 (h, w), the picture's true size, which may be odd.
        paint: what each index looks like.
        color: what YUV means in the picture.
        dst: takes the result; the shape of `picture`.
    """
    levels = _levels(paint.colors, color)
    whole = pad_even(index)
    for source, level, target in zip(planes(picture), levels, planes(dst), strict=True):
        size = (source.shape[1], source.shape[0])
        part = cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST)
        cv2.multiply(source, cv2.LUT(part, 255 - paint.opacity), dst=target, scale=1 / 255)
        cv2.add(target, cv2.LUT(part, _coat(level, paint.opacity)), dst=target)
    return dst


def _coat(level: Image, opacity: Image) -> Image:
    """Return what each index adds to the picture under it."""
    return np.rint(level * (opacity / 255)).astype(np.uint8)


def _levels(colors: Image, color: ColorSpace) -> list[Image]:
    """Return Y, U and V of each color."""
    patches = np.repeat(np.repeat(colors[None], 2, axis=0), 2, axis=1)
    luma, *chroma = planes(bgr_to_i420(patches, color))
    return [luma[0, ::2], *(plane[0] for plane in chroma)]
