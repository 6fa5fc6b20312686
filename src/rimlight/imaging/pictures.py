"""Reading a picture file, whatever its depth, colours and orientation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.orientation import UPRIGHT, Orientation, from_exif

Image = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""The picture files that are looked for in a folder."""


def read_picture(path: Path) -> tuple[Image, Image | None]:
    """Read one picture, turned the way its EXIF orientation says.

    Greyscale, 16-bit, paletted and CMYK pictures are converted.

    Returns:
        BGR uint8 (height, width, 3), and opacity uint8 (height, width), None if all is opaque.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, cut short, not a picture, or its pixels are floating point.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if not data.size:
        raise ValueError("it is empty (0 bytes)")
    pixels, orientation = _decode(data)
    eight_bit = _as_8_bit(pixels)
    alpha = _alpha(eight_bit)
    upright = None if alpha is None else np.ascontiguousarray(orientation.apply(alpha))
    return np.ascontiguousarray(orientation.apply(_as_bgr(eight_bit))), upright


def _decode(data: Image) -> tuple[NDArray[Any], Orientation]:
    """Return the pixels as stored, and which way they lie.

    IMREAD_UNCHANGED keeps alpha but ignores EXIF, except in TIFF, where OpenCV turns the pixels
    and reports no EXIF block.
    """
    try:
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error as exc:  # for instance more than 2**30 pixels
        raise ValueError(f"it cannot be decoded: {exc.err}") from exc
    if pixels is None:
        raise ValueError("it is damaged, or not a picture")
    for kind, block in zip(kinds, blocks, strict=True):
        if kind == cv2.IMAGE_METADATA_EXIF:
            return pixels, from_exif(bytes(block))
    return pixels, UPRIGHT


def _as_8_bit(pixels: NDArray[Any]) -> Image:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return cast(Image, cv2.convertScaleAbs(pixels, alpha=1 / 257))
    raise ValueError(f"its pixels are {pixels.dtype}; only 8 and 16 bit are supported")


def _as_bgr(pixels: Image) -> Image:
    if pixels.ndim == 2:
        return cast(Image, cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    return pixels[..., :3]


def _alpha(pixels: Image) -> Image | None:
    if pixels.ndim == 2 or pixels.shape[2] < 4:
        return None
    alpha = pixels[..., 3]
    return None if alpha.min() == 255 else alpha
