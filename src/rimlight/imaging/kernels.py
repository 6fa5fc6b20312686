"""Compiled inner loops (numba, the extra `fast`), reached through `imaging.fast` only.

Each does what an OpenCV path beside it does, within one level per pixel; that path documents it.

A mask is met on the fly. The picture's 32-pixel blocks are looked at first: where the mask is all
0 or all 1 there is only copying, where the target shows the right background already there is
nothing to do, and only the rest is interpolated and mixed.

Two things make the loops quick. Arrays are flat and go whole from function to function with
offsets beside them, because every slice costs numba two atomic counts. And offsets are unsigned,
because LLVM vectorises no loop whose signed index numba must first check for being negative.

They stand in one file, longer than others, because numba's cache on disk looks only at the file of
the function that is called: one that calls into another file would go on as it was before an edit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

U = np.uint64  # never mixed with signed numbers: numba would make float64 of the two

_LINE = U(64)  # bytes that a processor fetches at once

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
def _alphas(rows: Any, a: Any, weight: Any, slope: Any, count: Any, target: Any) -> None:
    """Put the mean of two widened mask rows, from column `a` on, through a smooth step."""
    low, per_width = slope
    upper, lower = rows
    for i in range(count):
        value = upper[a + i] * (_UNIT - weight) + lower[a + i] * weight
        level = np.floor((value + _ROUND) * _SHIFT)
        t = min(max((level - low) * per_width, _ZERO), _ONE)
        target[i] = np.floor(t * t * (_THREE - _TWO * t) * _FULL + _HALF)


@compiled
def _mix(
    front: Any, at: Any, back: Any, back_at: Any, alphas: Any, count: Any, target: Any
) -> None:
    """Mix one piece of a row."""
    for i in range(count):
        f = np.float32(front[at + i])
        b = np.float32(back[back_at + i])
        mixed = (b * (_FULL - alphas[i]) + f * alphas[i] + _FULL_HALF) * _PER_FULL
        target[at + i] = np.uint8(np.int32(mixed))


@compiled
def _doubled(window: Any, step: Any, most: Any, out: Any) -> None:
    """Write the extremes of windows of twice `step` cells, made of those of `step` cells."""
    rest = U(window.size) - step
    if most:
        for i in range(rest):
            out[i] = max(window[i], window[i + step])
    else:
        for i in range(rest):
            out[i] = min(window[i], window[i + step])
    for i in range(rest, U(window.size)):
        out[i] = window[i]  # these end with the mask


@compiled
def _extremes(mask: Any, first: Any, last: Any, most: Any, out: Any) -> None:
    """Find the least or greatest mask value under each block, row by row.

    Where a block is narrower than others, a neighbouring column may count too.
    """
    widest = U(0)
    for c in range(first.shape[0]):
        widest = max(widest, last[c] - first[c] + U(1))
    step, row = U(1), U(mask.shape[1])
    window, other = mask.reshape(-1), np.empty(mask.size, np.uint8)
    while step * U(2) <= widest:
        _doubled(window, step, most, other)
        window, other = other, (np.empty_like(other) if step == U(1) else window)
        step *= U(2)
    for j in range(U(mask.shape[0])):
        for c in range(U(first.shape[0])):
            a, b = window[j * row + first[c]], window[j * row + max(last[c] + U(1), step) - step]
            out[j, c] = max(a, b) if most else min(a, b)


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
    _extremes(mask, spans[0], spans[1], False, low)
    _extremes(mask, spans[0], spans[1], True, high)
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
def _planes(
    front: Any, back: Any, out: Any, starts: Any, levels: Any, row_size: Any, found: Any,
    grid: Any, block: Any, slope: Any,
) -> None:  # fmt: skip
    """Composite planes of one size, which start at those offsets, over a back of the same size."""
    width, height = U(grid[0].shape[0]), U(grid[3].shape[0])
    rows = np.empty(width, np.float32), np.empty(width, np.float32)
    alphas = np.empty(width, np.float32)
    runs, counts = found
    y = U(0)
    while y < height:
        end, j = _same_rows(grid, y), U(grid[3][y])
        for r in range(counts[j]):
            a, kind = runs[j, r, 0] * block, runs[j, r, 2]
            count, here = min(runs[j, r, 1] * block, width) - a, y * width + a
            if kind == _MIXED:
                _widen_both(levels, row_size, grid, y, a, count, rows)
                for n in range(end - y):
                    _alphas(rows, a, grid[5][y + n], slope, count, alphas)
                    for start in starts:
                        at = start + here + n * width
                        _mix(front, at, back, at, alphas, count, out)
            elif kind != _KEPT:
                source = front if kind == _FRONT else back
                for start in starts:
                    _copy(source, out, start + here, width, count, end - y)
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
    _planes(f, b, o, (U(0),), levels, row, found, luma, block, slope)
    _planes(f, b, o, (u, v), levels, row, found, chroma, block // U(2), slope)


@compiled
def _widen_all(small: Any, starts: Any, grid: Any, size: Any) -> Any:
    """Widen every row of the small planes at those offsets; size is (columns, rows) of each."""
    width = U(grid[0].shape[0])
    wide = np.empty(U(len(starts)) * size[1] * width, np.float32)
    row = np.empty(width, np.float32)
    to = U(0)
    for start in starts:
        for y in range(size[1]):
            _widen(small, start + y * size[0], grid, U(0), width, row)
            for i in range(width):
                wide[to + i] = row[i]
            to += width
    return wide


@compiled
def _planes_over_small(
    front: Any, small: Any, small_starts: Any, small_size: Any, out: Any, starts: Any,
    levels: Any, row_size: Any, found: Any, grid: Any, small_grid: Any, block: Any, slope: Any,
) -> None:  # fmt: skip
    """Composite planes of one size over smaller ones, which are enlarged where they show."""
    width, height = U(grid[0].shape[0]), U(grid[3].shape[0])
    rows = np.empty(width, np.float32), np.empty(width, np.float32)
    alphas, line = np.empty(width, np.float32), np.empty(width, np.uint8)
    wide = _widen_all(small, small_starts, small_grid, small_size)
    part = width * small_size[1]
    runs, counts = found
    y = U(0)
    while y < height:
        end, j = _same_rows(grid, y), U(grid[3][y])
        for r in range(counts[j]):
            a, kind = runs[j, r, 0] * block, runs[j, r, 2]
            count, here = min(runs[j, r, 1] * block, width) - a, y * width + a
            if kind == _FRONT:
                for start in starts:
                    _copy(front, out, start + here, width, count, end - y)
            elif kind != _KEPT:
                if kind == _MIXED:
                    _widen_both(levels, row_size, grid, y, a, count, rows)
                for n in range(end - y):
                    above = U(small_grid[3][y + n]) * width + a
                    below = U(small_grid[4][y + n]) * width + a
                    down, plane = small_grid[5][y + n], U(0)
                    if kind == _MIXED:
                        _alphas(rows, a, grid[5][y + n], slope, count, alphas)
                    for start in starts:
                        at = start + here + n * width
                        if kind == _BACK:
                            _fill(wide, above + plane, below + plane, down, count, out, at)
                        else:
                            _fill(wide, above + plane, below + plane, down, count, line, U(0))
                            _mix(front, at, line, U(0), alphas, count, out)
                        plane += part
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
    _planes_over_small(
        f, b, (U(0),), size, o, (U(0),), levels, row, found, luma, back_luma, block, slope
    )
    block //= U(2)
    _planes_over_small(
        f, b, (bu, bv), half, o, (u, v), levels, row, found, chroma, back_chroma, block, slope
    )


@compiled
def _fetch_plane(flat: Any, start: Any, width: Any, height: Any, rows: Any) -> Any:
    """Read what `fetch` says of the plane at offset `start`."""
    seen, ratio = np.uint8(0), height / rows
    for row in range(rows):
        upper = U(max((row + 0.5) * ratio - 0.5, 0.0))
        at = start + upper * width
        for i in range(at, start + min(upper + U(2), height) * width, _LINE):
            seen ^= flat[i]
    return seen


@compiled
def fetch(i420: Any, rows: Any) -> Any:
    """Read a byte of each cache line that making three planes `rows` high will read.

    A resize waits for one row after the other; these reads wait for many at once, and leave the
    lines in the cache. What it returns means nothing: without it the reads would be left out.
    """
    flat = i420.reshape(-1)
    width, height = U(i420.shape[1]), U(i420.shape[0]) * U(2) // U(3)
    u, v = _sizes(i420)
    half, low = width // U(2), height // U(2)
    seen = _fetch_plane(flat, U(0), width, height, rows)
    return seen ^ _fetch_plane(flat, u, half, low, rows) ^ _fetch_plane(flat, v, half, low, rows)


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
def smooth(new: Any, past: Any, weights: Any, out: Any, levels: Any) -> None:
    """Draw scores to their past by a weight for each level; see `refiners.smooth`.

    `levels` takes the results in 255ths.
    """
    n, p, o, s = new.reshape(-1), past.reshape(-1), out.reshape(-1), levels.reshape(-1)
    for i in range(U(n.size)):
        weight = weights[np.uint32(min(n[i] * _FULL + _HALF, _FULL))]
        o[i] = n[i] + (p[i] - n[i]) * weight
    for i in range(U(n.size)):
        s[i] = np.uint8(np.int32(o[i] * _FULL + _HALF))
