"""Metadata of an image file: what its colors mean, and how large it is printed.

Everything else, such as where a photo was taken, is left behind.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.geometry import UPRIGHT, Orientation
from rimlight.imaging.image_files.headers import read_first_directory

Image = NDArray[np.uint8]

_INCH_CM, _INCH_M = 2.54, 0.0254
_X, _Y, _UNIT, _EXTRA, _ICC = 0x011A, 0x011B, 0x0128, 0x0152, 0x8773
_EXIF_TAG = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_WITH_ICC = frozenset({".png", ".jpg", ".jpeg", ".webp"})

_log = logging.getLogger(__name__)
_EXIF = {
    2: Orientation(flip_horizontal=True),
    3: Orientation(flip_horizontal=True, flip_vertical=True),
    4: Orientation(flip_vertical=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_horizontal=True),
    7: Orientation(transpose=True, flip_horizontal=True, flip_vertical=True),
    8: Orientation(transpose=True, flip_vertical=True),
}


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """Beside the pixels.

    Attributes:
        icc: the ICC profile of the RGB colors; empty for the usual sRGB.
        dpi: pixels an inch when printed, across and down; None when nothing is said.
    """

    icc: bytes = b""
    dpi: tuple[float, float] | None = None

    def turned(self, *, transpose: bool) -> ImageMetadata:
        """Return the tags of the picture with rows for columns, if it is to be transposed."""
        return replace(self, dpi=self.dpi[::-1]) if transpose and self.dpi else self


NO_METADATA = ImageMetadata()


def read_metadata(data: bytes, blocks: Mapping[int, bytes]) -> ImageMetadata:
    """Read the tags of a picture file.

    Args:
        data: the whole file: JPEG, PNG, WebP or TIFF; others have no tags.
        blocks: OpenCV's kind of metadata -> the block that it found.

    Returns:
        What is damaged is left out; so is a profile of other colors than RGB, as the pixels are
        read as RGB.
    """
    own = read_first_directory(data) if data[:2] in (b"II", b"MM") else {}
    exif = read_first_directory(blocks.get(cv2.IMAGE_METADATA_EXIF, b""))
    icc = blocks.get(cv2.IMAGE_METADATA_ICCP) or own.get(_ICC, (b"",))[0]
    is_rgb = isinstance(icc, bytes) and icc[16:20] == b"RGB "
    dpi = _jfif_dpi(data) or _png_dpi(data) or _directory_dpi(own) or _directory_dpi(exif)
    return ImageMetadata(icc if isinstance(icc, bytes) and is_rgb else b"", dpi)


def encode_image(
    suffix: str, pixels: Image, metadata: ImageMetadata, settings: Sequence[int] = ()
) -> bytes | None:
    """Return `pixels` as a picture file with `tags`, None when they cannot be encoded.

    Args:
        suffix: such as ".png". JPEG, PNG, WebP and TIFF hold both tags; where no profile fits in,
            the colors are converted to sRGB.
        pixels: uint8 (h, w, 3) BGR or (h, w, 4) BGRA.
        metadata: what to store with them.
        settings: OpenCV's own, such as the quality.
    """
    kinds: list[int] = []
    is_tiff = suffix in (".tif", ".tiff")
    if metadata.icc and suffix in _WITH_ICC:
        kinds.append(cv2.IMAGE_METADATA_ICCP)
    elif metadata.icc and not is_tiff:
        pixels = convert_profile(pixels[..., :3], metadata.icc, b"")
    blocks = [metadata.icc] * len(kinds)
    if metadata.dpi and suffix == ".webp":
        kinds.append(cv2.IMAGE_METADATA_EXIF)
        blocks.append(_exif(metadata.dpi))
    if metadata.dpi and is_tiff:
        settings = [*settings, *_tiff_settings(metadata.dpi)]
    arrays: Any = [np.frombuffer(block, np.uint8) for block in blocks]
    if kinds:
        done, data = cv2.imencodeWithMetadata(suffix, pixels, kinds, arrays, list(settings))
    else:
        done, data = cv2.imencode(suffix, pixels, list(settings))
    if not done:
        return None
    encoded = cast(Image, data).tobytes()
    if is_tiff:
        return _as_finished_tiff(encoded, metadata.icc, has_alpha=pixels.shape[2] == 4)
    return _with_dpi(encoded, metadata.dpi)


def _as_finished_tiff(data: bytes, icc: bytes, *, has_alpha: bool) -> bytes:
    """Say in a TIFF that OpenCV has made what its colors and its fourth channel mean."""
    order = "<" if data[:2] == b"II" else ">"
    data += bytes(len(data) % 2)
    added = []
    if has_alpha:
        added.append(struct.pack(f"{order}HHIHH", _EXTRA, 3, 1, 2, 0))  # 2: colors not multiplied
    if icc:
        added.append(struct.pack(f"{order}HHII", _ICC, 7, len(icc), len(data)))
        data += icc + bytes(len(icc) % 2)
    return _with_entries(data, added, order) if added else data


def _with_entries(data: bytes, added: Sequence[bytes], order: str) -> bytes:
    """Put a longer directory behind all the rest of a TIFF; order: "<" or ">"."""
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    old = [data[start : start + 12] for start in range(at + 2, at + 2 + 12 * count, 12)]
    entries = sorted([*old, *added], key=lambda entry: struct.unpack_from(f"{order}H", entry))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack(f"{order}I", len(data)) + data[8:] + directory


def _with_dpi(data: bytes, dpi: tuple[float, float] | None) -> bytes:
    """Write the resolution into a PNG or JPEG that OpenCV has made; others pass unchanged."""
    if dpi is None:
        return data
    if data.startswith(_PNG):
        across, down = (round(value / _INCH_M) for value in dpi)
        block = b"pHYs" + struct.pack(">IIB", across, down, 1)
        chunk = struct.pack(">I", 9) + block + struct.pack(">I", zlib.crc32(block))
        return data[:33] + chunk + data[33:]  # behind the header, which is 33 bytes long
    if _is_jfif(data):
        across, down = (min(0xFFFF, round(value)) for value in dpi)
        return data[:13] + struct.pack(">BHH", 1, across, down) + data[18:]
    return data


def _is_jfif(data: bytes) -> bool:
    return data[:4] == b"\xff\xd8\xff\xe0" and data[6:11] == b"JFIF\x00" and len(data) >= 18


def _jfif_dpi(data: bytes) -> tuple[float, float] | None:
    if not _is_jfif(data):
        return None
    unit, across, down = struct.unpack_from(">BHH", data, 13)
    return _dpi({1: 1.0, 2: _INCH_CM}.get(unit, 0.0), across, down)


def _png_dpi(data: bytes) -> tuple[float, float] | None:
    at = data.find(b"pHYs", 8, data.find(b"IDAT")) if data.startswith(_PNG) else -1
    if at < 0 or len(data) < at + 13:
        return None
    across, down, unit = struct.unpack_from(">IIB", data, at + 4)
    return _dpi(_INCH_M if unit == 1 else 0.0, across, down)


def _directory_dpi(tags: Mapping[int, tuple[Any, ...]]) -> tuple[float, float] | None:
    values = [tags.get(_X, ()), tags.get(_Y, ())]
    if any(len(value) != 2 or not value[1] for value in values):
        return None
    across, down = (value[0] / value[1] for value in values)
    return _dpi({2: 1.0, 3: _INCH_CM}.get(tags.get(_UNIT, (2,))[0], 0.0), across, down)


def _dpi(factor: float, across: float, down: float) -> tuple[float, float] | None:
    there = factor and across and down
    return (across * factor, down * factor) if there else None


def _exif(dpi: tuple[float, float]) -> bytes:
    """Return an EXIF block that says the resolution and nothing else."""
    values_at = 8 + 2 + 3 * 12 + 4
    entries = struct.pack("<HHII", _X, 5, 1, values_at)
    entries += struct.pack("<HHII", _Y, 5, 1, values_at + 8)
    entries += struct.pack("<HHIHH", _UNIT, 3, 1, 2, 0)
    values = b"".join(struct.pack("<II", round(value * 1000), 1000) for value in dpi)
    return struct.pack("<2sHIH", b"II", 42, 8, 3) + entries + bytes(4) + values


def _tiff_settings(dpi: tuple[float, float]) -> list[int]:
    return [
        cv2.IMWRITE_TIFF_RESUNIT, 2,
        cv2.IMWRITE_TIFF_XDPI, round(dpi[0]),
        cv2.IMWRITE_TIFF_YDPI, round(dpi[1]),
    ]  # fmt: skip


def convert_profile(bgr: Image, source: bytes, target: bytes) -> Image:
    """Return a picture so that it looks the same in another color space.

    Relative colorimetric; colors that the target cannot show are clipped.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        source: its ICC profile; empty for sRGB.
        target: the profile to convert to; empty for sRGB.

    Returns:
        uint8 (height, width, 3), BGR; `bgr` itself where the profiles are the same, or one of them
        is damaged.
    """
    if source == target:
        return bgr
    transform = _transform(source, target)
    if transform is None:
        return bgr
    from PIL import Image as Pil
    from PIL import ImageCms

    rgb = Pil.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    made = ImageCms.applyTransform(rgb, transform)
    return np.ascontiguousarray(np.asarray(made, np.uint8)[..., ::-1])


@lru_cache(maxsize=8)
def _transform(source: bytes, target: bytes) -> Any:
    """Return LittleCMS's transform, None where a profile cannot be read."""
    from PIL import ImageCms

    try:
        return ImageCms.buildTransform(
            _profile(source),
            _profile(target),
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ValueError, ImageCms.PyCMSError) as exc:
        _log.warning("a color profile cannot be read, so its colors are taken as sRGB: %s", exc)
        return None


def _profile(icc: bytes) -> Any:
    from PIL import ImageCms

    if not icc:
        return ImageCms.createProfile("sRGB")
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def parse_exif_orientation(exif: bytes) -> Orientation:
    """Read the orientation tag out of an EXIF block, which is laid out as a TIFF file.

    Upright when there is no such tag, or the block is damaged: the picture itself may be fine.
    """
    values = read_first_directory(exif).get(_EXIF_TAG, (1,))
    return _EXIF.get(cast(int, values[0]), UPRIGHT) if values else UPRIGHT
