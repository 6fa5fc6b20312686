"""A blurred background at a fraction of the size, into which the person does not smear."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import round_up_to_even, split_planes

Image = NDArray[np.uint8]

MIN_RADIUS_PX = 5.0
"""A lens blur is made at this radius or more, so that its disc is round."""

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


def blur_lens_i420(i420: Image, mask: Image, sigma_px: float, highlights: float) -> Image:
    """Blur the background as a lens out of focus does: each point becomes a disc.

    Normalized as in `blur_i420`; bright pixels weigh more, as light adds up before a sensor clips
    it, so that they stand out as discs (bokeh).

    Args:
        i420: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), 255 for the foreground, any size.
        sigma_px: as of a Gaussian, in pixels of the full picture; the disc has twice that radius.
        highlights: how much more white weighs than black; 0 for the same.

    Returns:
        A new, smaller uint8 I420 picture.
    """
    factor = _choose_lens_factor(sigma_px)
    width, height = i420.shape[1], i420.shape[0] * 2 // 3
    columns, rows = round_up_to_even((max(1, width // factor), max(1, height // factor)))
    out = np.empty((rows * 3 // 2, columns), np.uint8)
    luma = split_planes(i420)[0]
    for source, target in zip(split_planes(i420), split_planes(out), strict=True):
        size = target.shape[1], target.shape[0]
        disc = _make_disc(2 * sigma_px / factor * target.shape[1] / columns)
        weight = _weigh_highlights(downscale(luma, size), mask, highlights)
        target[...] = _blur_with_disc(downscale(source, size), weight, disc)
    return out


def blur_lens_bgr(bgr: Image, mask: Image, sigma_px: float, highlights: float) -> Image:
    """Do what `blur_lens_i420` does, for uint8 (h, w, 3) BGR; return it at full size."""
    height, width = bgr.shape[:2]
    factor = _choose_lens_factor(sigma_px)
    small = downscale(bgr, (max(1, width // factor), max(1, height // factor)))
    luma = cast(Image, cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    weight = _weigh_highlights(luma, mask, highlights)
    blurred = _blur_with_disc(small, weight, _make_disc(2 * sigma_px / factor))
    return cast(Image, cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))


def _choose_lens_factor(sigma_px: float) -> int:
    return next((f for f in (32, 16, 8, 4, 2) if 2 * sigma_px / f >= MIN_RADIUS_PX), 1)


@lru_cache(maxsize=8)
def _make_disc(radius_px: float) -> NDArray[np.float32]:
    """Return a disc with a soft rim of one pixel, float32 (n, n), n odd; its sum is 1."""
    reach = int(radius_px + 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cast(NDArray[np.float32], disc / disc.sum())


def _weigh_highlights(luma: Image, mask: Image, highlights: float) -> NDArray[np.float32]:
    """Return how much each pixel weighs: the background, and more where it is bright."""
    size = luma.shape[1], luma.shape[0]
    weight = cv2.LUT(cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR), _WEIGHTS)
    levels = np.arange(256, dtype=np.float32) / 255
    return cast(
        NDArray[np.float32],
        cv2.multiply(weight, cv2.LUT(luma, 1 + np.float32(highlights) * levels**4)),
    )


def _blur_with_disc(small: Image, weight: NDArray[np.float32], disc: NDArray[np.float32]) -> Image:
    border = cv2.BORDER_REPLICATE
    shaped = cv2.merge([weight] * 3) if small.ndim == 3 else weight
    total = cv2.filter2D(small * shaped, -1, disc, borderType=border)
    norm = cv2.filter2D(weight, -1, disc, borderType=border)
    shaped = cv2.merge([norm] * 3) if small.ndim == 3 else norm
    return cast(Image, cv2.divide(total, shaped, dtype=cv2.CV_8U))


def pixelate(bgr: Image) -> Image:
    """Return uint8 (h, w, 3) `bgr` reduced to a few soft patches of color, as large as before.

    It is blurred by shrinking to about 8 pixels across: no face or writing is left to restore.
    """
    height, width = bgr.shape[:2]
    longest = max(height, width)
    size = max(1, width * _CELLS // longest), max(1, height * _CELLS // longest)
    patches = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC))
