"""Reading a picture file, whatever its format, depth, colors and orientation."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.geometry import UPRIGHT, Orientation
from rimlight.imaging.image_files.headers import (
    Header,
    find_end,
    read_first_directory,
    read_header,
    read_png_chunks,
    set_alpha_flag,
)
from rimlight.imaging.image_files.metadata import (
    ImageMetadata,
    parse_exif_orientation,
    read_metadata,
)
from rimlight.system.file_kinds import (
    RAW_SUFFIXES,
    describe_other_format,
    detect_image_format,
    get_suffix,
)

Image = NDArray[np.uint8]

MAX_MEGAPIXELS = 256
"""A larger picture is refused before it is decoded: it would take gigabytes of memory."""

MAX_BYTES = 2**31
"""No picture file is larger."""

_BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT, _DNG = 258, 262, 277, 338, 339, 0xC612
_CMYK, _LAB = 5, 8
_COLORS = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", _CMYK: "CMYK", 6: "YCbCr", _LAB: "Lab"}
_ODD = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISDIR: "a folder",
}


class TooLargeError(ValueError):
    """A picture has more pixels than its reader may decode."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture file's content.

    Attributes:
        bgr: uint8 (height, width, 3).
        alpha: opacity, uint8 (height, width); None if all is opaque.
        tags: what the file says beside the pixels.
        count: how many pages, frames or pictures it holds; this is the first.
        orientation: how the stored pixels were turned to be upright.
    """

    bgr: Image
    alpha: Image | None
    metadata: ImageMetadata
    count: int = 1
    orientation: Orientation = UPRIGHT


def read_image(path: Path) -> tuple[Image, Image | None]:
    """Read the pixels of one picture: `bgr` and `alpha` of `read_image_file`, which see.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no picture that can be decoded.
    """
    read = read_image_file(path)
    return read.bgr, read.alpha


def read_image_file(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> DecodedImage:
    """Read one picture, turned the way its orientation tag says, and its tags.

    Grayscale, 16-bit, paletted and CMYK pictures are converted.

    Args:
        path: the file.
        max_megapixels: what is larger is not decoded.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no regular file, larger than 2 GiB, or as `decode`.
    """
    return decode_image(read_regular_file(path), get_suffix(path), max_megapixels=max_megapixels)


def decode_image(
    data: bytes, suffix: str = "", *, max_megapixels: float = MAX_MEGAPIXELS
) -> DecodedImage:
    """Read one picture from what its file holds.

    Args:
        data: the whole file.
        suffix: of its name, which tells raw photos from others.
        max_megapixels: what is larger is not decoded.

    Raises:
        ValueError: it is empty, cut short, not a picture, or too large; nothing else is raised,
            whatever is in it.
    """
    if not data:
        raise ValueError("it is empty (0 bytes)")
    try:
        return _picture(data, suffix, max_megapixels)
    except ValueError:
        raise
    except MemoryError as exc:
        raise ValueError("there is not enough memory for it") from exc
    except cv2.error as exc:
        raise ValueError(f"it cannot be decoded: {exc.err or exc.msg}") from exc
    except Exception as exc:  # one odd file must not stop the others
        raise ValueError("it is damaged, or not a picture") from exc


def describe_read_error(error: Exception) -> str:
    """Say in a few words why a picture could not be read."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def check_complete(path: Path) -> None:
    """Check that the end of a picture is there, as decoders make up what is missing.

    Raises:
        OSError: the file cannot be read.
        ValueError: its end is missing, or it is no regular file.
    """
    data = read_regular_file(path)
    try:
        cut = find_end(data) is None
    except (ValueError, IndexError, struct.error):
        cut = True
    if cut:
        raise ValueError("its end is missing")


def read_regular_file(path: Path) -> bytes:
    """Read a whole regular file; anything else could block, or never end.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is larger than 2 GiB, or no regular file.
    """
    status = path.stat()
    odd = next((name for is_odd, name in _ODD.items() if is_odd(status.st_mode)), None)
    if odd is not None:
        raise ValueError(f"it is {odd}, not a file")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"it is {status.st_size / 2**30:.1f} GiB large; 2 GiB are the most")
    return path.read_bytes()


def _picture(data: bytes, suffix: str, max_megapixels: float) -> DecodedImage:
    _check_format(data, suffix)
    header = _header(data)
    if header.size is not None:
        _check_size(header.size, max_megapixels)
    if _needs_pillow(data, header):
        by_pillow = _odd_tiff if header.kind == "tiff" else _by_pillow
        return by_pillow(data, max_megapixels)
    if header.kind == "png" and find_end(data) is None:
        # The decoder would make room for a chunk of 2 GiB that is announced and not there.
        raise ValueError("it is damaged, or its end is missing")
    try:
        decoded = _decode(data)
    except (ValueError, cv2.error):
        if header.kind != "tiff":
            raise
        return _odd_tiff(data, max_megapixels)
    return _by_opencv(data, header, *decoded)


def _odd_tiff(data: bytes, max_megapixels: float) -> DecodedImage:
    """Try Pillow, which knows other kinds of TIFF than OpenCV."""
    try:
        return _by_pillow(data, max_megapixels)
    except ValueError as exc:
        raise ValueError(_unread_tiff(data)) from exc


def _header(data: bytes) -> Header:
    try:
        return read_header(data)
    except (IndexError, struct.error) as exc:
        raise ValueError("it is damaged, or not a picture") from exc


def _check_format(data: bytes, suffix: str) -> None:
    """Name what is no picture, or none that is read, by what it is."""
    other = describe_other_format(data[:4096])
    is_raw = suffix in RAW_SUFFIXES or (
        data[:2] in {b"II", b"MM"} and _DNG in read_first_directory(data)
    )
    if is_raw or other == "a raw photo":
        raise ValueError("it is a raw photo: make a JPEG or TIFF of it first")
    if not detect_image_format(data):
        raise ValueError(f"it is {other}" if other else "it is damaged, or not a picture")


def _check_size(size: tuple[int, int], max_megapixels: float) -> None:
    width, height = size
    if not (width and height):
        raise ValueError("it is damaged: it has no pixels")
    if width * height > max_megapixels * 1e6:
        raise TooLargeError(
            f"its {width}x{height} pixels are more than the limit of {max_megapixels:g} million"
        )


def _needs_pillow(data: bytes, header: Header) -> bool:
    """Return True for what OpenCV does not read, or reads wrong.

    It drops the alpha of gray TIFFs, multiplies the colors of the others with theirs, and gives
    those of Lab the white of paper, which looks orange.
    """
    if header.kind != "tiff":
        return header.kind in {"gif", "avif", "heif"}
    tags = read_first_directory(data)
    samples, bits = tags.get(_SAMPLES, (1,))[0], tags.get(_BITS, (8,))[0]
    if _EXTRA in tags and samples in {2, 4}:
        is_multiplied = tags[_EXTRA][0] == 1
        return samples == 2 or bits != 16 or is_multiplied
    colors = tags.get(_PHOTOMETRIC, (1,))[0]
    return not tags or colors == _CMYK or (colors == _LAB and bits == 8)


def _by_pillow(data: bytes, max_megapixels: float) -> DecodedImage:
    from rimlight.imaging.image_files import pillow

    with pillow.open_image(data) as found:
        _check_size(found.size, max_megapixels)
        bgr, alpha = pillow.decode_pixels(found.image)
    # Pillow turns TIFF and HEIC itself, and drops the tag.
    orientation = UPRIGHT if data[:2] in {b"II", b"MM"} else parse_exif_orientation(found.exif)
    blocks = {cv2.IMAGE_METADATA_EXIF: found.exif, cv2.IMAGE_METADATA_ICCP: found.icc}
    return _upright(bgr, alpha, orientation, read_metadata(data, blocks), found.count)


def _by_opencv(
    data: bytes, header: Header, pixels: NDArray[Any], orientation: Orientation, tags: ImageMetadata
) -> DecodedImage:
    alpha = (
        _alpha(pixels) if header.kind != "png" or pixels.ndim == 3 else _gray_alpha(data, pixels)
    )
    if header.kind == "bmp" and alpha is not None and not alpha.any():
        alpha = None  # most programs leave the fourth byte at 0
    return _upright(_as_bgr(_as_8_bit(pixels)), alpha, orientation, tags, max(1, header.count))


def _upright(
    bgr: Image, alpha: Image | None, orientation: Orientation, tags: ImageMetadata, count: int
) -> DecodedImage:
    if alpha is not None:
        is_opaque = int(alpha.min()) == 255
        alpha = None if is_opaque else np.ascontiguousarray(orientation.apply(alpha))
    turned = np.ascontiguousarray(orientation.apply(bgr))
    upright = tags.turned(transpose=orientation.transpose)
    return DecodedImage(turned, alpha, upright, count, orientation)


def _decode(data: bytes) -> tuple[NDArray[Any], Orientation, ImageMetadata]:
    """Return the pixels as stored, which way they lie, and the file's tags.

    IMREAD_UNCHANGED keeps alpha but ignores EXIF, except in TIFF, where OpenCV turns the pixels
    and reports no EXIF block.
    """
    array = np.frombuffer(set_alpha_flag(data), np.uint8)
    pixels, kinds, blocks = cv2.imdecodeWithMetadata(array, flags=cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("it is damaged, or not a picture")
    found = {kind: bytes(block) for kind, block in zip(kinds, blocks, strict=True)}
    exif = found.get(cv2.IMAGE_METADATA_EXIF)
    orientation = UPRIGHT if exif is None else parse_exif_orientation(exif)
    return pixels, orientation, read_metadata(data, found)


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


def _alpha(pixels: NDArray[Any]) -> Image | None:
    if pixels.ndim == 2 or pixels.shape[2] < 4:
        return None
    return _as_8_bit(pixels[..., 3])


def _gray_alpha(data: bytes, gray: NDArray[Any]) -> Image | None:
    """Return the alpha of a gray PNG, one level of which is transparent: OpenCV drops that."""
    for name, _, content in read_png_chunks(data):
        if name == b"tRNS" and len(content) >= 2 and data[25] == 0:
            level = int.from_bytes(content[:2], "big") * (255 // (2 ** min(8, data[24]) - 1))
            return np.where(gray == level, np.uint8(0), np.uint8(255))
        if name == b"IDAT":
            break
    return None


def _unread_tiff(data: bytes) -> str:
    tags = read_first_directory(data)
    bits, samples, form, colors = (
        cast(int, tags.get(tag, (1,))[0]) for tag in (_BITS, _SAMPLES, _FORMAT, _PHOTOMETRIC)
    )
    alpha = ", with alpha" if _EXTRA in tags else ""
    numbers = f"{bits}-bit{' floating point' * (form == 3)}"
    kind = f"{numbers} {_COLORS.get(colors, '?')}{alpha}, {samples} samples"
    return (
        f"it is damaged, or a kind of TIFF that is not read ({kind}): "
        "magick IN.tif -colorspace sRGB -depth 8 OUT.tif converts it"
    )
