"""A picture over another through a mask, in I420, where the mask meets the picture's size.

The mask is made larger bilinearly, put through a smooth step and used to mix, all in one: where
it is all 0 or all 1 the pictures are only copied. Two paths do this, compiled loops and OpenCV;
they agree within one level per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging import jit
from rimlight.imaging.color import split_planes
from rimlight.imaging.compositing.opencv import composite_bands, make_smooth_step
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]
Edges = tuple[float, float]

KERNEL_BLOCK = 32
"""Columns of the picture that the compiled path looks at together."""

_NOTHING = 255  # no kind of block: the picture's contents are unknown
_LEAST_BACK = 4  # its chroma has two columns then, which the loops read at once

Grid = tuple[NDArray[Any], ...]
"""(left, weight, upper, lower, weight): the left neighbor of each column, and the weight of the
one behind it in 256ths; both neighbors of each row, and the weight of the lower one."""


def quantize(alpha: NDArray[np.float32]) -> Image:
    """Return float32 (h, w) in [0, 1] as uint8 levels.

    What lies outside counts as 0 or 1, and what is no number as 0.
    """
    levels = alpha * np.float32(255) + np.float32(0.5)
    np.fmax(levels, 0, out=levels)
    return cast(Image, np.fmin(levels, 255, out=levels).astype(np.uint8))


def upscale_mask(mask: Image, size: tuple[int, int], edges: Edges = (0.0, 1.0)) -> Image:
    """Return a uint8 mask (h, w) at `size`, through the smooth step of `edges`."""
    large = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR_EXACT)
    return cast(Image, cv2.LUT(large, make_smooth_step(edges), dst=large))


def invert_smooth_step(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores (h, w) that the smooth step from 0 to 1 turns into `alpha` in [0, 1]."""
    third = np.arcsin(1 - 2 * np.clip(alpha, 0, 1)) * np.float32(1 / 3)
    return cast(NDArray[np.float32], np.float32(0.5) - np.sin(third))


def composite_i420(front: Image, back: Image, mask: Image, edges: Edges, dst: Image) -> Image:
    """Show I420 `front` where the mask is 1 and I420 `back` where it is 0.

    Args:
        front: uint8 (rows*3/2, columns).
        back: the same shape, or a smaller I420 picture, which is enlarged bilinearly.
        mask: uint8 (h, w), any size, covering the picture.
        edges: (low, high) in [0, 1]: mask values up to low count as 0, from high as 1.
        dst: takes the result; the shape of `front`, and neither of the two.

    Returns:
        `dst`.
    """
    return _composite(front, back, mask, edges, dst=dst, shown=None)


class Compositor:
    """Composites into pictures that it uses again, and leaves in them what is still right.

    Where a picture showed a background before and shows the same again, nothing is written:
    with a still background only the person, and what it uncovers, costs anything. One compositor
    belongs to one thread; the pictures may travel to others, who must not write into them.
    """

    def __init__(self, limit: int = 16) -> None:
        self._pool = ArrayPool(limit)

    def composite(self, front: Image, back: Image, mask: Image, edges: Edges) -> Image:
        """Do what `composite` does, into a picture that nobody else holds. `back` may be kept."""
        slot, picture = self._pool.acquire_slot(front.shape)
        canvas = slot.content = slot.content or _Canvas()
        blocks = mask.shape[0], -(-front.shape[1] // KERNEL_BLOCK)
        if canvas.back is not back or canvas.shown.shape != blocks:
            canvas.shown = np.full(blocks, _NOTHING, np.uint8)
            canvas.back = back
        return _composite(front, back, mask, edges, dst=picture, shown=canvas.shown)


class _Canvas:
    """The background that was drawn into a picture, and the kind of each of its blocks."""

    def __init__(self) -> None:
        self.back: Image | None = None
        self.shown: Image = np.empty((0, 0), np.uint8)


def _composite(
    front: Image, back: Image, mask: Image, edges: Edges, *, dst: Image, shown: Image | None
) -> Image:
    kernels = jit.get_kernels()
    size, small = _size(front), _size(back)
    if small != size and (kernels is None or min(small) < _LEAST_BACK):
        back, small = _enlarge_picture(back, size), size
    if kernels is None:
        return composite_bands(front, back, mask, edges, dst)
    if mask.shape[1] == 1:
        mask = np.repeat(mask, 2, axis=1)  # the loops read two columns at once
    grids = _grids(size, (mask.shape[1], mask.shape[0]))
    if shown is None:
        shown = np.full((mask.shape[0], grids.spans[0].size), _NOTHING, np.uint8)
    levels = (np.float32(edges[0] * 255), np.float32(edges[1] * 255))
    same = (front, back, mask, grids.luma, grids.chroma)
    if small == size:
        kernels.composite(*same, grids.spans, levels, shown, dst)
        return dst
    backs = _grids(size, small, _half(small))
    kernels.composite_over_small(*same, backs.luma, backs.chroma, grids.spans, levels, shown, dst)
    return dst


@dataclass(frozen=True, slots=True)
class _Grids:
    """Where the pixels of a large picture lie on a small one, for luma and for chroma.

    `spans` holds the first and last column of the small picture under each block of the large one.
    """

    luma: Grid
    chroma: Grid
    spans: tuple[NDArray[np.uint64], NDArray[np.uint64]]


@lru_cache(maxsize=16)
def _grids(
    large: tuple[int, int], small: tuple[int, int], small_half: tuple[int, int] | None = None
) -> _Grids:
    luma = make_grid(large, small)
    starts = np.arange(0, large[0], KERNEL_BLOCK)
    ends = np.minimum(starts + KERNEL_BLOCK, large[0]) - 1
    spans = luma[0][starts].astype(np.uint64), luma[0][ends].astype(np.uint64) + np.uint64(1)
    return _Grids(luma, make_grid(_half(large), small_half or small), spans)


def _enlarge_picture(small: Image, size: tuple[int, int]) -> Image:
    large = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for source, target in zip(split_planes(small), split_planes(large), strict=True):
        shape = (target.shape[1], target.shape[0])
        target[...] = cv2.resize(source, shape, interpolation=cv2.INTER_LINEAR_EXACT)
    return large


def _size(i420: Image) -> tuple[int, int]:
    return i420.shape[1], i420.shape[0] * 2 // 3


def _half(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2, size[1] // 2


@lru_cache(maxsize=64)
def make_grid(size: tuple[int, int], on: tuple[int, int]) -> Grid:
    """Return where the pixels of an image of `size` lie on one of the size `on`.

    Their values are mixed as OpenCV's INTER_LINEAR_EXACT does.
    """
    left, _, weight = _axis(size[0], on[0])
    return left, weight, *_axis(size[1], on[1])


def _axis(count: int, on: int) -> Grid:
    at = 1 / (count / on) * (np.arange(count) + 0.5) - 0.5  # to the last bit as OpenCV does
    left = np.clip(np.floor(at), 0, max(on - 2, 0)).astype(np.int64)
    right = np.minimum(left + 1, on - 1)
    weight = np.rint(np.clip(at - left, 0, 1) * (right > left) * 256)
    # Unsigned, because numba makes sure of every signed index that it is not negative.
    return left.astype(np.uint32), right.astype(np.uint32), weight.astype(np.float32)
