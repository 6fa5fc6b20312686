"""Compiled inner loops (numba, the extra `fast`), reached through `imaging.fast` only.

Each does what an OpenCV path beside it does, within one level per pixel; that path documents it.

A mask is met on the fly. The picture's 32-pixel blocks are looked at first: where the mask is all
0 or all 1 there is only copying, where the target shows the right background already there is
nothing to do, and only the rest is interpolated and mixed.

Two things make the loops quick. Arrays are flat and go whole from function to function with
offsets beside them, because every slice costs numba two atomic counts. And offsets are unsigned,
because LLVM vectorises no loop whose signed index numba must first check for being negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

U = np.uint64  # never mixed with signed numbers: numba would make float64 of the two

BLOCK = 32  # as composite.KERNEL_BLOCK; half as many columns in the chroma planes

_BACK, _FRONT, _MIXED, _KEPT = 0, 1, 2, 3

# Numbers that stay float32 keep the loops in 32-bit lanes.
_ONE, _TWO, _THREE, _ZERO = (np.float32(n) for n in (1, 2, 3, 0))
_HALF, _FULL, _UNIT = np.float32(0.5), np.float32(255), np.float32(256)
_ROUND, _SHIFT = np.float32(32768), np.float32(1 / 65536)
_PER_FULL, _FULL_HALF = np.float32(1 / 255), np.float32(127.5)

compiled = njit(nogil=True, fastmath=True, error_model="numpy", cache=True)


@compiled
def _copy(source: Any, target: Any, at: Any, stride: Any, count: Any, rows: Any) -> None:
    """Copy `rows` pieces of `count` pixels, `stride` apart, from `at` on."""
    for y in range(rows):
        start = at + y * stride
        for i in range(count):
            target[start + i] = source[start + i]


@compiled
def _widen(levels: Any, row: Any, grid: Any, a: Any, count: Any, target: Any) -> None:
    """Interpolate columns a.. of the row of `levels` at offset `row`; gives 256 times the value."""
    left, right, weight = grid[0], grid[1], grid[2]
    for i in range(count):
        x = a + i
        w = weight[x]
        target[x] = levels[row + left[x]] * (_UNIT - w) + levels[row + right[x]] * w


@compiled
def _fill(wide: Any, upper: Any, lower: Any, weight: Any, count: Any, target: Any, at: Any) -> None:
    """Write the mean of two widened rows, which lie at offsets `upper` and `lower`."""
    for i in range(count):
        value = wide[upper + i] * (_UNIT - weight) + wide[lower + i] * weight
        target[at + i] = np.uint8(np.int32((value + _ROUND) * _SHIFT))


@compiled
def _mix(
    front: Any, at: Any, back: Any, back_at: Any, rows: Any, a: Any, weight: Any, slope: Any,
    count: Any, target: Any,
) -> None:  # fmt: skip
    """Mix one piece of a row by the mean of two widened mask rows, through a smooth step."""
    low, per_width = slope
    upper, lower = rows
    for i in range(count):
        value = upper[a + i] * (_UNIT - weight) + lower[a + i] * weight
        level = np.floor((value + _ROUND) * _SHIFT)
        t = min(max((level - low) * per_width, _ZERO), _ONE)
        alpha = np.floor(t * t * (_THREE - _TWO * t) * _FULL + _HALF)
        f = np.float32(front[at + i])
        b = np.float32(back[back_at + i])
        mixed = (b * (_FULL - alpha) + f * alpha + _FULL_HALF) * _PER_FULL
        target[at + i] = np.uint8(np.int32(mixed))


@compiled
def _extremes(mask: Any, first: Any, last: Any, low: Any, high: Any) -> None:
    """Find the least and the greatest mask value under each block, row by row."""
    for j in range(mask.shape[0]):
        for c in range(first.shape[0]):
            least, most = mask[j, first[c]], mask[j, first[c]]
            for q in range(first[c], last[c] + 1):
                least = min(least, mask[j, q])
                most = max(most, mask[j, q])
            low[j, c] = least
            high[j, c] = most


@compiled
def _runs(low: Any, high: Any, j: int, k: int, edges: Any, shown: Any, runs: Any) -> int:
    """Merge blocks of one kind: rows of (first block, block after the last, kind).

    `shown` holds the kinds that the target shows already, and takes the new ones.
    """
    count = 0
    for c in range(low.shape[1]):
        kind = _MIXED
        if max(high[j, c], high[k, c]) <= edges[0]:
            kind = _BACK
        elif min(low[j, c], low[k, c]) >= edges[1]:
            kind = _FRONT
        before = shown[j, c]
        shown[j, c] = kind
        if kind == _BACK and before == _BACK:
            kind = _KEPT
        if count and runs[j, count - 1, 2] == kind:
            runs[j, count - 1, 1] = c + 1
        else:
            runs[j, count, 0], runs[j, count, 1], runs[j, count, 2] = c, c + 1, kind
            count += 1
    return count


@compiled
def _look(mask: Any, spans: Any, edges: Any, shown: Any) -> Any:
    """Return the runs between every mask row and the next, and how many there are."""
    low = np.empty((mask.shape[0], spans[0].shape[0]), np.uint8)
    high = np.empty_like(low)
    _extremes(mask, spans[0], spans[1], low, high)
    runs = np.empty((low.shape[0], low.shape[1], 3), np.uint64)
    counts = np.empty(low.shape[0], np.uint64)
    last = low.shape[0] - 1
    for j in range(low.shape[0]):
        counts[j] = _runs(low, high, j, min(j + 1, last), edges, shown, runs)
    return runs, counts


@compiled
def _same_rows(grid: Any, start: Any) -> Any:
    """Return the end of the picture rows that lie between the same two small rows."""
    upper = grid[3]
    end = start + U(1)
    while end < U(upper.shape[0]) and upper[end] == upper[start]:
        end += U(1)
    return end


@compiled
def _widen_both(
    levels: Any, row_size: Any, grid: Any, y: Any, a: Any, count: Any, rows: Any
) -> None:
    """Widen columns a.. of the two mask rows around picture row y."""
    _widen(levels, U(grid[3][y]) * row_size, grid, a, count, rows[0])
    _widen(levels, U(grid[4][y]) * row_size, grid, a, count, rows[1])


@compiled
def _plane(
    front: Any, back: Any, out: Any, at: Any, levels: Any, row_size: Any, found: Any, grid: Any,
    block: Any, slope: Any,
) -> None:  # fmt: skip
    """Composite the plane that starts at offset `at` over a back of the same size."""
    width, height = U(grid[0].shape[0]), U(grid[3].shape[0])
    rows = np.empty(width, np.float32), np.empty(width, np.float32)
    runs, counts = found
    y = U(0)
    while y < height:
        end, j = _same_rows(grid, y), U(grid[3][y])
        for r in range(counts[j]):
            a, kind = runs[j, r, 0] * block, runs[j, r, 2]
            count, start = min(runs[j, r, 1] * block, width) - a, at + y * width + a
            if kind == _BACK:
                _copy(back, out, start, width, count, end - y)
            elif kind == _FRONT:
                _copy(front, out, start, width, count, end - y)
            elif kind == _MIXED:
                _widen_both(levels, row_size, grid, y, a, count, rows)
                for n in range(end - y):
                    here, weight = start + n * width, grid[5][y + n]
                    _mix(front, here, back, here, rows, a, weight, slope, count, out)
        y = end


@compiled
def _sizes(i420: Any) -> Any:
    """Return the offsets of U and V in a flat I420 picture."""
    luma = U(i420.size) * U(2) // U(3)
    return luma, luma + luma // U(4)


@compiled
def composite(
    front: Any, back: Any, mask: Any, luma: Any, chroma: Any, spans: Any, edges: Any, shown: Any,
    out: Any,
) -> None:  # fmt: skip
    """Composite I420 `front` over I420 `back` of the same size; see `composite.composite`."""
    found = _look(mask, spans, edges, shown)
    levels, row = mask.astype(np.float32).reshape(-1), U(mask.shape[1])
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, b, o = front.reshape(-1), back.reshape(-1), out.reshape(-1)
    u, v = _sizes(front)
    block = U(BLOCK)
    _plane(f, b, o, U(0), levels, row, found, luma, block, slope)
    _plane(f, b, o, u, levels, row, found, chroma, block // U(2), slope)
    _plane(f, b, o, v, levels, row, found, chroma, block // U(2), slope)


@compiled
def _widen_all(small: Any, at: Any, grid: Any, size: Any) -> Any:
    """Widen every row of the small plane that starts at offset `at`; size is (columns, rows)."""
    width = U(grid[0].shape[0])
    wide = np.empty(size[1] * width, np.float32)
    row = np.empty(width, np.float32)
    for y in range(size[1]):
        _widen(small, at + y * size[0], grid, U(0), width, row)
        for i in range(width):
            wide[y * width + i] = row[i]
    return wide


@compiled
def _plane_over_small(
    front: Any, small: Any, small_at: Any, small_size: Any, out: Any, at: Any, levels: Any,
    row_size: Any, found: Any, grid: Any, small_grid: Any, block: Any, slope: Any,
) -> None:  # fmt: skip
    """Composite one plane over a smaller back, which is enlarged where it shows."""
    width, height = U(grid[0].shape[0]), U(grid[3].shape[0])
    rows = np.empty(width, np.float32), np.empty(width, np.float32)
    line = np.empty(width, np.uint8)
    wide = _widen_all(small, small_at, small_grid, small_size)
    runs, counts = found
    y = U(0)
    while y < height:
        end, j = _same_rows(grid, y), U(grid[3][y])
        for r in range(counts[j]):
            a, kind = runs[j, r, 0] * block, runs[j, r, 2]
            count, start = min(runs[j, r, 1] * block, width) - a, at + y * width + a
            if kind == _FRONT:
                _copy(front, out, start, width, count, end - y)
            elif kind != _KEPT:
                if kind == _MIXED:
                    _widen_both(levels, row_size, grid, y, a, count, rows)
                for n in range(end - y):
                    above = U(small_grid[3][y + n]) * width + a
                    below = U(small_grid[4][y + n]) * width + a
                    here, down = start + n * width, small_grid[5][y + n]
                    if kind == _BACK:
                        _fill(wide, above, below, down, count, out, here)
                    else:
                        _fill(wide, above, below, down, count, line, U(0))
                        weight = grid[5][y + n]
                        _mix(front, here, line, U(0), rows, a, weight, slope, count, out)
        y = end


@compiled
def composite_over_small(
    front: Any, back: Any, mask: Any, luma: Any, chroma: Any, back_luma: Any, back_chroma: Any,
    spans: Any, edges: Any, shown: Any, out: Any,
) -> None:  # fmt: skip
    """Composite I420 `front` over a smaller I420 `back`; see `composite.composite`."""
    found = _look(mask, spans, edges, shown)
    levels, row = mask.astype(np.float32).reshape(-1), U(mask.shape[1])
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, o = front.reshape(-1), out.reshape(-1)
    b = back.astype(np.float32).reshape(-1)
    size = (U(back.shape[1]), U(back.shape[0]) * U(2) // U(3))
    half = (size[0] // U(2), size[1] // U(2))
    u, v = _sizes(front)
    bu, bv = _sizes(back)
    block = U(BLOCK)
    _plane_over_small(f, b, U(0), size, o, U(0), levels, row, found, luma, back_luma, block, slope)
    for at, back_at in ((u, bu), (v, bv)):
        _plane_over_small(
            f,
            b,
            back_at,
            half,
            o,
            at,
            levels,
            row,
            found,
            chroma,
            back_chroma,
            block // U(2),
            slope,
        )


@compiled
def fill_tensor(
    y: Any, u: Any, v: Any, matrix: Any, scale: Any, offset: Any, out: Any, top: int, left: int
) -> None:
    """Write small planes as colours of a float input; see `segmenters.tensors.InputMaker`."""
    m0, m1, m2 = matrix[0], matrix[1], matrix[2]
    a, b, c = m0[3] + _HALF, m1[3] + _HALF, m2[3] + _HALF
    flat = out.reshape(-1)
    luma, blue, red = y.reshape(-1), u.reshape(-1), v.reshape(-1)
    width = U(y.shape[1])
    for row in range(U(y.shape[0])):
        at = row * width
        to = ((row + U(top)) * U(out.shape[1]) + U(left)) * U(3)
        for i in range(width):
            p, q, r = np.float32(luma[at + i]), np.float32(blue[at + i]), np.float32(red[at + i])
            first = min(max(np.floor(m0[0] * p + m0[1] * q + m0[2] * r + a), _ZERO), _FULL)
            second = min(max(np.floor(m1[0] * p + m1[1] * q + m1[2] * r + b), _ZERO), _FULL)
            third = min(max(np.floor(m2[0] * p + m2[1] * q + m2[2] * r + c), _ZERO), _FULL)
            flat[to + i * U(3)] = first * scale[0] + offset[0]
            flat[to + i * U(3) + U(1)] = second * scale[1] + offset[1]
            flat[to + i * U(3) + U(2)] = third * scale[2] + offset[2]


@compiled
def smooth(new: Any, past: Any, weights: Any, out: Any) -> None:
    """Draw scores to their past by a weight for each level; see `refiners.smooth`."""
    n, p, o = new.reshape(-1), past.reshape(-1), out.reshape(-1)
    for i in range(U(n.size)):
        weight = weights[np.uint32(min(n[i] * _FULL + _HALF, _FULL))]
        o[i] = n[i] + (p[i] - n[i]) * weight
