"""The tags of a TIFF directory: EXIF blocks and TIFF files are laid out alike (TIFF 6.0, 1992)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

_SIZES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 7: "c"}
"""Types of values that are read, as `struct` writes them: byte, text, numbers, fraction, bytes."""


Values = tuple[int | bytes, ...]

_MOST = 4096
"""More directories than that are taken for a circle."""


def first_directory(data: bytes) -> dict[int, Values]:
    """Return tag -> values of the first directory; a fraction is two numbers.

    What is damaged, empty or of another type is left out: the picture itself may be fine.
    """
    return next(iter(directories(data)), {})


def directories(data: bytes) -> Iterator[dict[int, Values]]:
    """Yield each directory of a TIFF file as `first_directory` does; none if it is no TIFF."""
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
        if kind not in _SIZES or not length:
            continue
        form = f"{order}{length}s" if _SIZES[kind] == "c" else order + _SIZES[kind] * min(length, 4)
        at = place + 8
        size = struct.calcsize(order + _SIZES[kind]) * length
        if size > 4:
            (at,) = struct.unpack_from(f"{order}I", data, at)
        yield tag, struct.unpack_from(form, data, at)
