"""Pictures that carry their number, to be read back on the other side of a camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WIDTH = 640
BITS, BLOCK_PX = 12, 40


def painted(count: int, size: tuple[int, int]) -> Sequence[np.ndarray]:
    """Return pictures that carry their number, most significant bit first, along the top."""
    pictures = []
    for number in range(count):
        picture = np.full((size[1], size[0], 3), 90, np.uint8)
        for bit in range(BITS):
            level = 255 if number >> (BITS - 1 - bit) & 1 else 0
            picture[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = level
        pictures.append(picture)
    return pictures


def number_of(picture: np.ndarray) -> int:
    """Read the number back."""
    width = picture.shape[1] * BLOCK_PX // WIDTH
    number = 0
    for bit in range(BITS):
        middle = picture[width // 4 : width // 2, bit * width + width // 4 : (bit + 1) * width - 4]
        number = number * 2 + int(middle.mean() > 128)
    return number
