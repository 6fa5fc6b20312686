"""A picture over another through a mask, in I420, with OpenCV: see `composite.composite`.

One band of rows is done after the other, so that what lies between the steps stays in the cache.
The mask is enlarged only where something of the front shows, and the pictures are mixed only where
it is neither all 0 nor all 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import split_planes
from rimlight.imaging.compositing.blend import blend

Image = NDArray[np.uint8]
Edges = tuple[float, float]
Cells = NDArray[np.bool_]
Box = tuple[bool, float, float, float, float]

BAND = 72
"""Mask rows of a band, at most, where the sizes of mask and picture allow it."""
ROWS, COLUMNS = 24, 8
"""Mask rows and columns that are mixed together."""


def composite_bands(front: Image, back: Image, mask: Image, edges: Edges, dst: Image) -> Image:
    """Show I420 `front` where the mask is 1 and I420 `back`, of the same size, where it is 0."""
    some, mixed = _cells(mask, edges)
    luma, *chroma = zip(split_planes(front), split_planes(back), split_planes(dst), strict=True)
    np.copyto(dst, back)
    for rows, columns in _parts(some, luma[0].shape):
        cells = rows.cells, columns.cells
        # A pixel on the border of two boxes is right in the mixed one, so that comes later.
        boxes = sorted(_boxes(some[cells], mixed[cells]))
        for triples in ([luma], chroma):
            shape = triples[0][0].shape
            area = rows.pixels(shape[0]), columns.pixels(shape[1])
            large = _enlarged(mask, rows, columns, shape)
            cut = [tuple(plane[area] for plane in triple) for triple in triples]
            _mix(cut, large, edges, boxes)
    return dst


@lru_cache(maxsize=16)
def make_smooth_step(edges: Edges) -> Image:
    """Levels 0..255 through 3t^2 - 2t^3, t rising from 0 to 1 between the edges."""
    low, high = (np.float32(edge * 255) for edge in edges)
    t = np.clip((np.arange(256, dtype=np.float32) - low) / (high - low), 0, 1)
    return cast(Image, np.floor(t * t * (3 - 2 * t) * 255 + np.float32(0.5)).astype(np.uint8))


def _mix(
    triples: Sequence[tuple[Image, ...]], large: Image, edges: Edges, boxes: Sequence[Box]
) -> None:
    """Composite (front, back, out) of one size, of which `out` shows the back already.

    Args:
        triples: parts of planes that share a mask.
        large: the mask at their size.
        edges: as in `composite_bands`.
        boxes: where the front shows; see `_boxes`.
    """
    high, wide = large.shape
    for is_mixed, top, bottom, left, right in boxes:
        rows = slice(int(top * high), math.ceil(bottom * high))
        box = rows, slice(int(left * wide), math.ceil(right * wide))
        alpha = cast(Image, cv2.LUT(large[box], make_smooth_step(edges))) if is_mixed else None
        for front, back, out in triples:
            if alpha is None:
                out[box] = front[box]
            else:
                blend(front[box], back[box], alpha, dst=out[box])


def _cells(mask: Image, edges: Edges) -> tuple[Cells, Cells]:
    """Return near which cells something of the front shows, and where the back does too.

    What shows near a cell lies between its neighbors' centers.
    """
    around = np.ones((3, 3), np.uint8)
    some = cv2.dilate(mask, around) > edges[0] * 255
    not_all = cv2.erode(mask, around) < edges[1] * 255
    return some, some & not_all


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows or columns of a mask that begin and end between two pixels of an image.

    Attributes:
        start: the first.
        stop: the one after the last.
        margin: this many further out they begin and end between two pixels again.
        count: how many the mask has.
    """

    start: int
    stop: int
    margin: int
    count: int

    @property
    def cells(self) -> slice:
        """Where they are in the mask."""
        return slice(self.start, self.stop)

    @property
    def around(self) -> slice:
        """Where they are with a margin, as far as there is one."""
        return slice(max(0, self.start - self.margin), min(self.count, self.stop + self.margin))

    def pixels(self, count: int) -> slice:
        """Where they are in a plane of `count` rows, or columns."""
        return slice(self.start * count // self.count, self.stop * count // self.count)


def _parts(some: Cells, shape: tuple[int, ...]) -> Iterator[tuple[_Stretch, _Stretch]]:
    """Yield rows and columns of the mask where something shows in a luma plane of `shape`."""
    high, wide = some.shape
    period, pitch = _period(high, shape[0]), _period(wide, shape[1])
    step = max(period, BAND // period * period)
    for top in range(0, high, step):
        bottom = min(top + step, high)
        columns = np.flatnonzero(some[top:bottom].any(axis=0))
        if columns.size:
            left = int(columns[0]) // pitch * pitch
            right = min(wide, (int(columns[-1]) // pitch + 1) * pitch)
            yield _Stretch(top, bottom, period, high), _Stretch(left, right, pitch, wide)


def _period(cells: int, pixels: int) -> int:
    """Return the least number of cells that an even number of whole pixels covers."""
    return 2 * cells // math.gcd(2 * cells, pixels)


def _boxes(some: Cells, mixed: Cells) -> Iterator[Box]:
    """Yield where the front shows: whether mixed, and top, bottom, left, right in [0, 1].

    Args:
        some: near which cells it shows.
        mixed: near which of them the back shows too.
    """
    high, wide = some.shape
    starts = np.arange(0, wide, COLUMNS)
    for top in range(0, high, ROWS):
        bottom = min(top + ROWS, high)
        kinds = np.zeros(starts.size + 2, np.uint8)  # with nothing on each side
        for cells in (some, mixed):
            kinds[1:-1] += np.logical_or.reduceat(cells[top:bottom].any(axis=0), starts)
        bounds = np.flatnonzero(kinds[1:] != kinds[:-1]).tolist()
        for left, right in pairwise(bounds):
            if kind := kinds[left + 1]:
                sides = left * COLUMNS / wide, min(1, right * COLUMNS / wide)
                yield kind == 2, top / high, bottom / high, *sides


def _enlarged(mask: Image, rows: _Stretch, columns: _Stretch, shape: tuple[int, ...]) -> Image:
    """Enlarge a part of `mask` to its size in a plane of `shape`, as if all were enlarged.

    A margin is enlarged with it, because pixels at its border lie between cells on both sides.
    """
    part = mask[rows.around, columns.around]
    pitch = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    size = round(part.shape[1] * pitch[1]), round(part.shape[0] * pitch[0])
    large = cast(Image, cv2.resize(part, size, interpolation=cv2.INTER_LINEAR_EXACT))
    top, left = (
        side.pixels(count).start - round(side.around.start * each)
        for side, count, each in zip((rows, columns), shape, pitch, strict=True)
    )
    down, across = rows.pixels(shape[0]), columns.pixels(shape[1])
    return large[top : top + down.stop - down.start, left : left + across.stop - across.start]
