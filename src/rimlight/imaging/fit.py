"""How a picture meets a frame of another size."""

from __future__ import annotations

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Fit = Literal["fill", "fit", "stretch", "tile"]


def fit_picture(picture: Image, size: tuple[int, int], how: Fit) -> Image:
    """Return uint8 (h, w, 3) `picture` at `size` (width, height).

    Args:
        picture: uint8 (height, width, 3).
        size: the result's (width, height).
        how: "fill" covers it and cuts off what is over; "fit" shows all, with black bars;
            "stretch" ignores proportions; "tile" repeats it at its own size.
    """
    if how == "tile":
        return _tile(picture, size)
    if how == "stretch":
        return _resize(picture, size)
    height, width = picture.shape[:2]
    ratios = size[0] / width, size[1] / height
    ratio = max(ratios) if how == "fill" else min(ratios)
    scaled = max(1, round(width * ratio)), max(1, round(height * ratio))
    return _centre(_resize(picture, scaled), size)


def _resize(picture: Image, size: tuple[int, int]) -> Image:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    smaller = size[0] < picture.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cast(Image, cv2.resize(picture, size, interpolation=how))


def _tile(picture: Image, size: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    times = -(-size[1] // height), -(-size[0] // width), 1
    return np.ascontiguousarray(np.tile(picture, times)[: size[1], : size[0]])


def _centre(picture: Image, size: tuple[int, int]) -> Image:
    """Cut `picture` to `size` around its centre, or lay it in the middle of black."""
    out = np.zeros((size[1], size[0], 3), np.uint8)
    part_in, part_out = [], []
    for have, want in zip(picture.shape[:2], (size[1], size[0]), strict=True):
        shared = min(have, want)
        part_in.append(slice((have - shared) // 2, (have - shared) // 2 + shared))
        part_out.append(slice((want - shared) // 2, (want - shared) // 2 + shared))
    out[tuple(part_out)] = picture[tuple(part_in)]
    return out
