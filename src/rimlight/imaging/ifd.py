"""The tags of a TIFF directory: EXIF blocks and TIFF files are laid out alike (TIFF 6.0, 1992)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIZES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 7: "c"}
"""Types of values that are read, as `struct` writes them: byte, text, numbers, fraction, bytes."""


def first_directory(data: bytes) -> dict[int, tuple[int | bytes, ...]]:
    """Return tag -> values of the first directory; a fraction is two numbers.

    What is damaged, or of another type, is left out: the picture itself may be fine.
    """
    data = data.removeprefix(b"Exif\x00\x00")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    found: dict[int, tuple[int | bytes, ...]] = {}
    try:
        if order is not None:
            found.update(_entries(data, order))
    except struct.error:
        pass
    return found


def _entries(data: bytes, order: str) -> Iterator[tuple[int, tuple[int | bytes, ...]]]:
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        if kind not in _SIZES:
            continue
        form = f"{order}{length}s" if _SIZES[kind] == "c" else order + _SIZES[kind] * min(length, 4)
        at = place + 8
        if struct.calcsize(form) > 4:
            (at,) = struct.unpack_from(f"{order}I", data, at)
        yield tag, struct.unpack_from(form, data, at)
