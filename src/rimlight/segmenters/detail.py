"""Closer still, where a mask is unsure: overlapping tiles of the people's part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.geometry import Rect

Scores = NDArray[np.float32]

TILES = 3
"""Tiles in each direction; each is half as large as the part, so they overlap by half."""
MOST = 0.3
"""What the tiles weigh where a score is 0.5: a tile sees fingers, but not whose they are."""

_RIM = 0.02  # weight of a tile where it ends: never nothing


def tiles(part: Rect) -> Iterator[Rect]:
    """Yield the tiles of a part of a picture."""
    step = 0.5 / (TILES - 1)
    for row in range(TILES):
        for column in range(TILES):
            left = part.left + column * step * part.width
            top = part.top + row * step * part.height
            yield Rect(left, top, part.width / 2, part.height / 2)


def tile_weight(side: int = 64) -> Scores:
    """Return how much a tile's pixels count, float32 (side, side): most in the middle."""
    ramp = np.minimum(np.arange(side), np.arange(side)[::-1]) / side + _RIM
    weight: Scores = np.minimum(ramp[:, None], ramp[None]).astype(np.float32)
    return weight


def detailed(near: Scores, looks: Iterable[tuple[Scores, Scores]]) -> Scores:
    """Return scores mixed with those of tiles, by the square of how unsure they are.

    Args:
        near: float32 (h, w, 1).
        looks: scores of tiles in their place in the whole, and their weights there, both of the
            same shape as `near`.
    """
    total, count = np.zeros_like(near), np.zeros_like(near)
    for scores, weight in looks:
        total += weight * scores
        count += weight
    seen = np.divide(total, count, out=near.copy(), where=count > 0)
    unsure = 1 - np.abs(2 * near - 1)
    mixed: Scores = near + np.float32(MOST) * unsure * unsure * (seen - near)
    return mixed
