"""Read headers of image files without decoding them: size, pages, end.

Damaged files raise ValueError, struct.error or IndexError; `pictures` turns all of them into one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from rimlight.system.file_kinds import detect_image_format

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A JPEG marker; restarts, stuffed zeros and fill bytes belong to the compressed pixels."""

_EOI, _APP2 = 0xD9, 0xE2
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_WIDTH, _HEIGHT, _SUBFILE = 256, 257, 254
_REDUCED_OR_MASK = 1 | 4
_BOXES = frozenset(
    {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"idat", b"mpvd"}
)
"""What a HEIC or AVIF file is made of, the film of a motion photo included."""
_GAIN_MAPS = (b"hdrgm:", b"iso:ts:21496", b"HDRGainMap")
"""A second picture in a JPEG that brightens the first one on HDR screens."""

_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 7: "c"}
"""Types of values that are read, as `struct` writes them: byte, text, numbers, fraction, bytes."""
Values = tuple[int | bytes, ...]
_MOST = 4096
"""More directories than that are taken for a circle."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file announces.

    Attributes:
        kind: as `file_kinds.detect_image_format` calls it.
        size: (width, height) as stored; None where it takes a decoder to know.
        count: pages, frames or pictures in the file; 0 where it takes a decoder to know.
    """

    kind: str
    size: tuple[int, int] | None = None
    count: int = 0


def read_header(data: bytes) -> Header:
    """Read the header of a picture file.

    Raises:
        ValueError, struct.error, IndexError: it is damaged, or no picture.
    """
    kind = detect_image_format(data)
    read = {
        "jpeg": _jpeg, "png": _png, "webp": _webp, "gif": _gif, "bmp": _bmp, "tiff": _tiff
    }.get(kind)  # fmt: skip
    if read is None:
        return Header(kind)
    size, count = read(data)
    return Header(kind, size, count)


def count_frames(path: str) -> int:
    """Return how many pages, frames or pictures a file holds; 0 where it is damaged."""
    try:
        with open(path, "rb") as file:
            return read_header(file.read()).count
    except (OSError, ValueError, struct.error, IndexError):
        return 0


def find_end(data: bytes) -> int | None:
    """Return where the picture in a JPEG, PNG, WebP, GIF, AVIF or HEIC file ends.

    None: before it ends, the file does. Programs write on behind it: phones add a film.
    """
    kind = detect_image_format(data)
    if kind == "jpeg":
        return next((at + 2 for marker, at in read_jpeg_segments(data) if marker == _EOI), None)
    if kind == "png":
        return next((at + 12 for name, at, _ in read_png_chunks(data) if name == b"IEND"), None)
    if kind == "webp":
        end = 8 + int.from_bytes(data[4:8], "little")
        return end if end <= len(data) else None
    if kind == "gif":
        return next((at + 1 for mark, at in _gif_blocks(data) if mark == 0x3B), None)
    return _boxes_end(data) if kind in {"avif", "heif"} else len(data)


def read_jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (marker, its place) up to the end of the first picture."""
    found = _MARKER.search(data, 2)
    while found is not None:
        marker, at = data[found.start() + 1], found.start()
        yield marker, at
        if marker == _EOI:
            return
        # Behind a segment come the next one, compressed pixels, or what does not belong there.
        found = _MARKER.search(data, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"))


def read_png_chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (name, place, content) of the whole chunks."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            return
        yield data[at + 4 : at + 8], at, data[at + 8 : at + 8 + length]
        at += 12 + length


def _jpeg(data: bytes) -> tuple[tuple[int, int], int]:
    others = 0
    for marker, at in read_jpeg_segments(data):
        if marker == _APP2 and data[at + 4 : at + 8] == b"MPF\x00":
            others = _others(data, at + 8)
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (width, height), 1 + others
    raise ValueError("it is damaged")


def _others(data: bytes, base: int) -> int:
    """Return how many full pictures follow the first (CIPA DC-007, MP entries of 16 bytes)."""
    order = "<" if data[base : base + 2] == b"II" else ">"
    found = next(iter(read_directories(data[base : base + 0x10000])), {})
    entries = found.get(0xB002, (b"",))[0]
    if not isinstance(entries, bytes):
        return 0
    starts = [struct.unpack_from(f"{order}III", entries, at) for at in range(0, len(entries), 16)]
    return sum(_is_full(data, base, *one) for one in starts[1:])


def _is_full(data: bytes, base: int, attributes: int, length: int, offset: int) -> bool:
    """Return True unless an entry is a thumbnail, or a map of brightness."""
    is_thumbnail = attributes & 0xFF0000 == 0x010000
    start = data[base + offset : base + offset + min(length, 0x10000)]
    return not is_thumbnail and not any(mark in start for mark in _GAIN_MAPS)


def _png(data: bytes) -> tuple[tuple[int, int], int]:
    width, height = struct.unpack_from(">II", data, 16)
    count = 1
    for name, _, content in read_png_chunks(data):
        if name == b"acTL":
            count = int.from_bytes(content[:4], "big")
        if name == b"IDAT":
            break
    return (width, height), count


def _webp(data: bytes) -> tuple[tuple[int, int], int]:
    kind = data[12:16]
    if kind == b"VP8X":
        count = sum(name == b"ANMF" for name in _riff_chunks(data)) or 1
        sides = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return (next(sides), next(sides)), count
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), 1
    width, height = struct.unpack_from("<HH", data, 26)
    return (width & 0x3FFF, height & 0x3FFF), 1


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2


def _gif(data: bytes) -> tuple[tuple[int, int], int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return (width, height), max(1, sum(mark == 0x2C for mark, _ in _gif_blocks(data)))


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (mark, place): 0x2C for a picture, 0x21 for an extension, 0x3B for the end."""
    at = 13 + _palette(data, 10)
    while at < len(data):
        mark = data[at]
        yield mark, at
        if mark == 0x2C and at + 10 <= len(data):
            at = _after_blocks(data, at + 11 + _palette(data, at + 9))
        elif mark == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            return


def _palette(data: bytes, at: int) -> int:
    flags = data[at]
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _bmp(data: bytes) -> tuple[tuple[int, int], int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return (abs(width), abs(height)), 1


def _tiff(data: bytes) -> tuple[tuple[int, int] | None, int]:
    found = list(read_directories(data))
    if not found:
        return None, 0  # BigTIFF, for instance
    pages = sum(not _number(one, _SUBFILE, 0) & _REDUCED_OR_MASK for one in found)
    return (_number(found[0], _WIDTH, 0), _number(found[0], _HEIGHT, 0)), max(1, pages)


def _number(tags: dict[int, Values], tag: int, default: int) -> int:
    value = tags.get(tag, (default,))[0]
    return value if isinstance(value, int) else default


def _boxes_end(data: bytes) -> int | None:
    """Return where the last box ends that belongs to the picture; None if one is cut."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if name not in _BOXES or (length and length < 8):
            return at or None  # what a program wrote on behind the picture
        at = at + length if length else len(data)
    return at if at <= len(data) else None


def set_alpha_flag(data: bytes) -> bytes:
    """Return a WebP that announces alpha, which decoders drop where it is there unannounced.

    Other files are returned as they are.
    """
    if detect_image_format(data) != "webp" or data[12:16] != b"VP8X" or len(data) <= 20:
        return data
    return data[:20] + bytes([data[20] | 0x10]) + data[21:]


def read_first_directory(data: bytes) -> dict[int, Values]:
    """Return tag -> values of the first directory; a fraction is two numbers.

    What is damaged, empty or of another type is left out: the picture itself may be fine.
    """
    return next(iter(read_directories(data)), {})


def read_directories(data: bytes) -> Iterator[dict[int, Values]]:
    """Yield each directory of a TIFF file, like `read_first_directory`.

    Pillow's reader is not used: this one also serves the pages of TIFF, the pictures of MPO and
    raw files, skips damaged entries one by one, and spares importing Pillow for every JPEG.
    """
    data = data.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    seen: set[int] = set()
    if order is None or len(data) < 8:
        return
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    while start and start not in seen and start + 2 <= len(data) and len(seen) < _MOST:
        seen.add(start)
        found: dict[int, Values] = {}
        with suppress(struct.error):
            found.update(_entries(data, order, start))
        yield found
        (count,) = struct.unpack_from(f"{order}H", data, start)
        after = start + 2 + 12 * count
        start = struct.unpack_from(f"{order}I", data, after)[0] if after + 4 <= len(data) else 0


def _entries(data: bytes, order: str, start: int) -> Iterator[tuple[int, Values]]:
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        if kind not in _TYPES or not length:
            continue
        form = f"{order}{length}s" if _TYPES[kind] == "c" else order + _TYPES[kind] * min(length, 4)
        at = place + 8
        size = struct.calcsize(order + _TYPES[kind]) * length
        if size > 4:
            (at,) = struct.unpack_from(f"{order}I", data, at)
        yield tag, struct.unpack_from(form, data, at)
