"""A blurred background at a fraction of the size, into which the person does not smear."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import round_up_to_even, split_planes

Image = NDArray[np.uint8]

MIN_SIGMA_PX = 2.0
"""At this many pixels of the small picture and more, making it large again leaves no blocks."""

# Deep inside the person nothing of the background is near: a little of what is there must do.
_WEIGHTS = np.maximum(1 - np.arange(256, dtype=np.float32) / 255, np.float32(1 / 4096))

_CELLS = 8


def choose_blur_factor(sigma_px: float) -> int:
    """Return how many times smaller (1, 2, 4 .. 32) a picture may be blurred by `sigma_px`."""
    return next((f for f in (32, 16, 8, 4, 2) if sigma_px / f >= MIN_SIGMA_PX), 1)


def blur_i420(i420: Image, mask: Image, sigma_px: float) -> Image:
    """Blur the background of an I420 image at a fraction of its size.

    The blur is normalized: every pixel counts as much as it belongs to the background, so the
    person's colors stay out of it: blur(picture * w) / blur(w) with w = 1 - mask (Knutsson and
    Westin, "Normalized and differential convolution", CVPR 1993).

    Args:
        i420: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), 255 for the foreground, any size.
        sigma_px: of the Gaussian, in pixels of the full picture.

    Returns:
        A new, smaller uint8 I420 picture.
    """
    factor = choose_blur_factor(sigma_px)
    width, height = i420.shape[1], i420.shape[0] * 2 // 3
    columns, rows = round_up_to_even((max(1, width // factor), max(1, height // factor)))
    out = np.empty((rows * 3 // 2, columns), np.uint8)
    for source, target in zip(split_planes(i420), split_planes(out), strict=True):
        sigma = sigma_px / factor * target.shape[1] / columns
        target[...] = _blur_normalized(source, mask, (target.shape[1], target.shape[0]), sigma)
    return out


def blur_bgr(bgr: Image, mask: Image, sigma_px: float) -> Image:
    """Blur the background of uint8 (h, w, 3) BGR in the same way; returns it at full size."""
    height, width = bgr.shape[:2]
    factor = choose_blur_factor(sigma_px)
    size = max(1, width // factor), max(1, height // factor)
    small = _blur_normalized(bgr, mask, size, sigma_px / factor)
    return cast(Image, cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _blur_normalized(plane: Image, mask: Image, size: tuple[int, int], sigma: float) -> Image:
    small = downscale(plane, size).astype(np.float32)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    weight = cv2.LUT(share, _WEIGHTS)
    shaped = cv2.merge([weight] * 3) if small.ndim == 3 else weight
    border = cv2.BORDER_REPLICATE
    total = cv2.GaussianBlur(small * shaped, (0, 0), sigma, borderType=border)
    norm = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=border)
    shaped = cv2.merge([norm] * 3) if small.ndim == 3 else norm
    return cast(Image, cv2.divide(total, shaped, dtype=cv2.CV_8U))


def downscale(plane: Image, size: tuple[int, int]) -> Image:
    """Average down to `size`, by halves as far as possible.

    Halving is seven times as fast as OpenCV's INTER_AREA at other factors.
    """
    while plane.shape[1] >= 2 * size[0] and plane.shape[0] >= 2 * size[1]:
        half = plane.shape[1] // 2, plane.shape[0] // 2
        plane = cast(Image, cv2.resize(plane, half, interpolation=cv2.INTER_LINEAR))
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    return cast(Image, cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def pixelate(bgr: Image) -> Image:
    """Return uint8 (h, w, 3) `bgr` reduced to a few soft patches of color, as large as before.

    It is blurred by shrinking to about 8 pixels across: no face or writing is left to restore.
    """
    height, width = bgr.shape[:2]
    longest = max(height, width)
    size = max(1, width * _CELLS // longest), max(1, height * _CELLS // longest)
    patches = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC))
