"""Reading a picture file, whatever its depth, colours and orientation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.orientation import UPRIGHT, Orientation, from_exif
from rimlight.imaging.tags import Tags, read_tags

Image = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""The picture files that are looked for in a folder."""

_TRAILER = 1 << 16
"""Bytes at the end of a file in which its end is looked for: some programs write on behind it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file's content.

    Attributes:
        bgr: uint8 (height, width, 3).
        alpha: opacity, uint8 (height, width); None if all is opaque.
        tags: what the file says beside the pixels.
    """

    bgr: Image
    alpha: Image | None
    tags: Tags


def read_picture(path: Path) -> tuple[Image, Image | None]:
    """Read the pixels of one picture: `bgr` and `alpha` of `read_tagged`, which see.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, cut short, not a picture, or its pixels are floating point.
    """
    read = read_tagged(path)
    return read.bgr, read.alpha


def read_tagged(path: Path) -> Picture:
    """Read one picture, turned the way its EXIF orientation says, and its tags.

    Greyscale, 16-bit, paletted and CMYK pictures are converted.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, cut short, not a picture, or its pixels are floating point.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if not data.size:
        raise ValueError("it is empty (0 bytes)")
    pixels, orientation, tags = _decode(data)
    eight_bit = _as_8_bit(pixels)
    alpha = _alpha(eight_bit)
    upright = None if alpha is None else np.ascontiguousarray(orientation.apply(alpha))
    bgr = np.ascontiguousarray(orientation.apply(_as_bgr(eight_bit)))
    return Picture(bgr, upright, tags.turned(transpose=orientation.transpose))


def check_whole(path: Path) -> None:
    """Check that the end of a JPEG, PNG or WebP is there, as decoders make up what is missing.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not.
    """
    data = path.read_bytes()
    cut = data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-_TRAILER:]
    cut |= data.startswith(b"\x89PNG") and b"IEND" not in data[-_TRAILER:]
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    cut |= is_webp and len(data) < int.from_bytes(data[4:8], "little")
    if cut:
        raise ValueError("its end is missing")


def _decode(data: Image) -> tuple[NDArray[Any], Orientation, Tags]:
    """Return the pixels as stored, which way they lie, and the file's tags.

    IMREAD_UNCHANGED keeps alpha but ignores EXIF, except in TIFF, where OpenCV turns the pixels
    and reports no EXIF block.
    """
    try:
        pixels, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error as exc:  # for instance more than 2**30 pixels
        raise ValueError(f"it cannot be decoded: {exc.err}") from exc
    if pixels is None:
        raise ValueError("it is damaged, or not a picture")
    found = {kind: bytes(block) for kind, block in zip(kinds, blocks, strict=True)}
    exif = found.get(cv2.IMAGE_METADATA_EXIF)
    orientation = UPRIGHT if exif is None else from_exif(exif)
    return pixels, orientation, read_tags(bytes(data), found)


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
