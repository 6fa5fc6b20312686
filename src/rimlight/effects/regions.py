"""Which class each pixel of a frame shows, for painting."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Mask
from rimlight.imaging.composite import enlarge, quantize
from rimlight.imaging.masks import enlarge_labels

Image = NDArray[np.uint8]

_LINES_IN_PICTURE = 360
"""Outlines that would fill a picture from top to bottom."""


def score_index(mask: Mask, size: tuple[int, int]) -> Image:
    """Return the score of the only class of `mask` at (width, height), uint8 levels."""
    return enlarge(quantize(mask.scores[..., 0]), size, mask.edges)


def class_index(mask: Mask, size: tuple[int, int]) -> Image:
    """Return the number of the class that each pixel of (width, height) shows, uint8.

    Only classes that win somewhere at the mask's own size compete. With a single class, 0 is that
    class and 1 stands for none of it.
    """
    if len(mask.classes) == 1 and mask.given.dtype != np.uint8:
        return np.where(score_index(mask, size) >= 128, np.uint8(0), np.uint8(1))
    present = np.flatnonzero(np.bincount(mask.labels.reshape(-1)))
    return enlarge_labels([(number, _layer(mask, number)) for number in present.tolist()], size)


def outlined(index: Image, offset: int) -> Image:
    """Return `index` with `offset`, a power of two, added along the inside of each border."""
    width_px = 1 + 2 * max(1, index.shape[0] // _LINES_IN_PICTURE)
    around = np.ones((width_px, width_px), np.uint8)
    border = cv2.compare(cv2.dilate(index, around), cv2.erode(index, around), cv2.CMP_NE)
    return index | np.where(border, np.uint8(offset), np.uint8(0))


def _layer(mask: Mask, number: int) -> Image:
    if mask.given.dtype == np.uint8:
        return np.where(mask.labels == number, np.uint8(255), np.uint8(0))
    return quantize(mask.scores[..., number])
