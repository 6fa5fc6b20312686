"""The colors of what is in front, without the background that shines through at its edges."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WIDE, _NARROW = 91, 7
"""Sides of the two averaging windows, in pixels of a picture 1000 pixels wide."""

_NOTHING = 1e-5
_LEAST_TOLD = np.float32(0.25)
"""A share up to which a pixel's color is left out; from twice as much on it counts in full."""


def foreground_colors(bgr: Image, alpha: Image) -> Image:
    """Estimate the pure foreground color of every pixel.

    Blur-fusion foreground estimation, two passes: M. Forte, "Approximate Fast Foreground Color
    Estimation", ICIP 2021. A pixel's foreground is first taken for the average of the foreground
    around it, then moved so that it mixes with the background around it to the pixel's own color.

    Args:
        bgr: uint8 (height, width, 3).
        alpha: uint8 (height, width), how much of each pixel is in front.

    Returns:
        A new uint8 (height, width, 3); black far from anything in front. A pixel that is in front
        by a quarter or less says nothing: it holds what is behind.
    """
    image = np.divide(bgr, np.float32(255), dtype=np.float32)
    share = np.divide(alpha, np.float32(255), dtype=np.float32)[..., None]
    told = np.clip((share - _LEAST_TOLD) / _LEAST_TOLD, 0, 1) * share
    scale = bgr.shape[1] / 1000
    front, back = image, image
    for window in (_WIDE, _NARROW):
        side = max(3, round(window * scale) | 1)
        front, back = _fused(image, (front, back), share, told, side)
    return np.rint(front * np.float32(255)).astype(np.uint8)


def _fused(
    image: Floats, planes: tuple[Floats, Floats], share: Floats, told: Floats, side: int
) -> tuple[Floats, Floats]:
    """Return better estimates of foreground and background, float32 (h, w, 3) in [0, 1].

    `told` is `share` where a pixel says something of the foreground, and falls to 0 elsewhere.
    """
    mean_front = _weighted_mean(planes[0], told, side)
    mean_back = _weighted_mean(planes[1], 1 - share, side)
    rest = image - share * mean_front - (1 - share) * mean_back
    return np.clip(mean_front + told * rest, 0, 1), mean_back


def _weighted_mean(values: Floats, weights: Floats, side: int) -> Floats:
    window = (side, side)
    weighted = cv2.blur(values * weights, window)
    total = cv2.blur(weights, window)[..., None]
    return cast(Floats, weighted / (total + np.float32(_NOTHING)))
