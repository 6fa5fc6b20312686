"""Compiled inner loops (numba, the extra `fast`), reached through `imaging.fast` only.

Each does what an OpenCV path beside it does, within one level per pixel; that path documents it.
Loops that matter run over slices from 0, because only then does LLVM vectorise them.

A mask is met on the fly: of the picture's 32-pixel blocks, those where the mask is all 0 or all 1
are copied, and only the rest is interpolated and mixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 32
"""Columns of the picture that are looked at together; half as many in the chroma planes."""
BAND = 16
"""Rows of a small back that are enlarged together."""

_BACK, _FRONT, _MIXED = 0, 1, 2

# Numbers that stay float32 keep the loops in 32-bit lanes.
_ONE, _TWO, _THREE, _ZERO = (np.float32(n) for n in (1, 2, 3, 0))
_HALF, _FULL, _UNIT = np.float32(0.5), np.float32(255), np.float32(256)
_ROUND, _SHIFT = np.float32(32768), np.float32(1 / 65536)
_PER_FULL, _FULL_HALF = np.float32(1 / 255), np.float32(127.5)

compiled = njit(nogil=True, fastmath=True, error_model="numpy", cache=True)


@compiled
def _copy(source: Any, target: Any) -> None:
    for y in range(target.shape[0]):
        for i in range(target.shape[1]):
            target[y, i] = source[y, i]


@compiled
def _widen(row: Any, left: Any, right: Any, weight: Any, target: Any) -> None:
    """Interpolate a row at a finer grid; the result is 256 times the value."""
    for i in range(target.shape[0]):
        target[i] = row[left[i]] * (_UNIT - weight[i]) + row[right[i]] * weight[i]


@compiled
def _fill(upper: Any, lower: Any, weights: Any, target: Any) -> None:
    """Write rows between two widened ones."""
    for y in range(target.shape[0]):
        weight = weights[y]
        for i in range(target.shape[1]):
            value = upper[i] * (_UNIT - weight) + lower[i] * weight
            target[y, i] = np.uint8(np.int32((value + _ROUND) * _SHIFT))


@compiled
def _mix(
    front: Any, back: Any, upper: Any, lower: Any, weights: Any, slope: Any, target: Any
) -> None:
    """Mix rows by mask rows between two widened ones, put through the smooth step of `slope`."""
    low, per_width = slope
    for y in range(target.shape[0]):
        weight = weights[y]
        for i in range(target.shape[1]):
            value = upper[i] * (_UNIT - weight) + lower[i] * weight
            level = np.floor((value + _ROUND) * _SHIFT)
            t = min(max((level - low) * per_width, _ZERO), _ONE)
            alpha = np.floor(t * t * (_THREE - _TWO * t) * _FULL + _HALF)
            f = np.float32(front[y, i])
            b = np.float32(back[y, i])
            mixed = (b * (_FULL - alpha) + f * alpha + _FULL_HALF) * _PER_FULL
            target[y, i] = np.uint8(np.int32(mixed))


@compiled
def _extremes(mask: Any, first: Any, last: Any, low: Any, high: Any) -> None:
    """Find the least and the greatest mask value under each block, row by row."""
    for j in range(mask.shape[0]):
        row = mask[j]
        for c in range(first.shape[0]):
            least, most = row[first[c]], row[first[c]]
            for q in range(first[c], last[c] + 1):
                least = min(least, row[q])
                most = max(most, row[q])
            low[j, c] = least
            high[j, c] = most


@compiled
def _runs(low: Any, high: Any, j: int, k: int, edges: Any, runs: Any) -> int:
    """Merge blocks of one kind: rows of (first block, block after the last, kind)."""
    count = 0
    for c in range(low.shape[1]):
        kind = _MIXED
        if max(high[j, c], high[k, c]) <= edges[0]:
            kind = _BACK
        elif min(low[j, c], low[k, c]) >= edges[1]:
            kind = _FRONT
        if count and runs[count - 1, 2] == kind:
            runs[count - 1, 1] = c + 1
        else:
            runs[count, 0], runs[count, 1], runs[count, 2] = c, c + 1, kind
            count += 1
    return count


@compiled
def _planes(i420: Any) -> Any:
    rows, width = i420.shape
    height = rows * 2 // 3
    flat = i420.reshape(-1)
    luma, quarter = height * width, height * width // 4
    half = (height // 2, width // 2)
    u = flat[luma : luma + quarter].reshape(half)
    return i420[:height], u, flat[luma + quarter : luma + 2 * quarter].reshape(half)


@compiled
def _all_runs(low: Any, high: Any, edges: Any, runs: Any, counts: Any) -> None:
    """Find the runs between every mask row and the next."""
    last = low.shape[0] - 1
    for j in range(low.shape[0]):
        counts[j] = _runs(low, high, j, min(j + 1, last), edges, runs[j])


@compiled
def _look(levels: Any, spans: Any, edges: Any) -> Any:
    """Return the runs between every mask row and the next, and how many there are."""
    low = np.empty((levels.shape[0], spans[0].shape[0]), np.float32)
    high = np.empty_like(low)
    _extremes(levels, spans[0], spans[1], low, high)
    runs = np.empty((low.shape[0], low.shape[1], 3), np.int32)
    counts = np.empty(low.shape[0], np.int64)
    _all_runs(low, high, edges, runs, counts)
    return runs, counts


@compiled
def _same_rows(upper_row: Any, start: int) -> int:
    """Return the end of the picture rows that lie between the same two small rows."""
    end = start + 1
    while end < upper_row.shape[0] and upper_row[end] == upper_row[start]:
        end += 1
    return end


@compiled
def _band(
    front: Any,
    back: Any,
    levels: Any,
    j: int,
    k: int,
    runs: Any,
    grid: Any,
    weights: Any,
    block: int,
    slope: Any,
    rows: Any,
    out: Any,
) -> None:
    """Composite the rows of one plane that lie between mask rows j and k, run by run."""
    left, right, weight = grid[0], grid[1], grid[2]
    for r in range(runs.shape[0]):
        a, b, kind = runs[r, 0] * block, min(runs[r, 1] * block, front.shape[1]), runs[r, 2]
        if kind == _BACK:
            _copy(back[:, a:b], out[:, a:b])
        elif kind == _FRONT:
            _copy(front[:, a:b], out[:, a:b])
        else:
            upper, lower = rows[0, a:b], rows[1, a:b]
            _widen(levels[j], left[a:b], right[a:b], weight[a:b], upper)
            _widen(levels[k], left[a:b], right[a:b], weight[a:b], lower)
            _mix(front[:, a:b], back[:, a:b], upper, lower, weights, slope, out[:, a:b])


@compiled
def _plane(
    front: Any, back: Any, levels: Any, found: Any, grid: Any, block: int, slope: Any, out: Any
) -> None:
    """Composite one plane over a back of the same size."""
    upper, lower = grid[3].astype(np.int64), grid[4].astype(np.int64)
    rows = np.empty((2, front.shape[1]), np.float32)
    y = 0
    while y < front.shape[0]:
        end = _same_rows(upper, y)
        j, k, weights = upper[y], lower[y], grid[5][y:end]
        runs = found[0][j, : found[1][j]]
        _band(
            front[y:end],
            back[y:end],
            levels,
            j,
            k,
            runs,
            grid,
            weights,
            block,
            slope,
            rows,
            out[y:end],
        )
        y = end


@compiled
def composite(
    front: Any, back: Any, mask: Any, luma: Any, chroma: Any, spans: Any, edges: Any, out: Any
) -> None:
    """Composite I420 `front` over I420 `back` of the same size; see `composite.composite`."""
    levels = mask.astype(np.float32)
    found = _look(levels, spans, edges)
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, b, o = _planes(front), _planes(back), _planes(out)
    _plane(f[0], b[0], levels, found, luma, BLOCK, slope, o[0])
    _plane(f[1], b[1], levels, found, chroma, BLOCK // 2, slope, o[1])
    _plane(f[2], b[2], levels, found, chroma, BLOCK // 2, slope, o[2])


@compiled
def _widen_all(small: Any, grid: Any) -> Any:
    """Widen every row of a small plane."""
    rows = np.empty((small.shape[0], grid[0].shape[0]), np.float32)
    for y in range(small.shape[0]):
        _widen(small[y], grid[0], grid[1], grid[2], rows[y])
    return rows


@compiled
def _enlarge(
    wide: Any, upper: Any, lower: Any, weights: Any, runs: Any, block: int, out: Any
) -> None:
    """Make rows of the back from its widened rows, where it shows."""
    for y in range(out.shape[0]):
        above, below = wide[upper[y]], wide[lower[y]]
        for r in range(runs.shape[0]):
            if runs[r, 2] != _FRONT:
                a, b = runs[r, 0] * block, min(runs[r, 1] * block, out.shape[1])
                _fill(above[a:b], below[a:b], weights[y : y + 1], out[y : y + 1, a:b])


@compiled
def _plane_over_small(
    front: Any,
    small: Any,
    levels: Any,
    found: Any,
    grid: Any,
    small_grid: Any,
    block: int,
    slope: Any,
    out: Any,
) -> None:
    """Composite one plane over a smaller back, which is enlarged where it shows."""
    upper, lower = grid[3].astype(np.int64), grid[4].astype(np.int64)
    above, below = small_grid[3].astype(np.int64), small_grid[4].astype(np.int64)
    rows = np.empty((2, front.shape[1]), np.float32)
    back = np.empty((BAND, front.shape[1]), np.uint8)
    wide = _widen_all(small, small_grid)
    y = 0
    while y < front.shape[0]:
        end = min(_same_rows(upper, y), y + BAND)
        j, k, weights = upper[y], lower[y], grid[5][y:end]
        runs = found[0][j, : found[1][j]]
        behind = back[: end - y]
        _enlarge(wide, above[y:end], below[y:end], small_grid[5][y:end], runs, block, behind)
        _band(
            front[y:end], behind, levels, j, k, runs, grid, weights, block, slope, rows, out[y:end]
        )
        y = end


@compiled
def composite_over_small(
    front: Any,
    back: Any,
    mask: Any,
    luma: Any,
    chroma: Any,
    back_luma: Any,
    back_chroma: Any,
    spans: Any,
    edges: Any,
    out: Any,
) -> None:
    """Composite I420 `front` over a smaller I420 `back`; see `composite.composite`."""
    levels = mask.astype(np.float32)
    found = _look(levels, spans, edges)
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, b, o = _planes(front), _planes(back.astype(np.float32)), _planes(out)
    half = BLOCK // 2
    _plane_over_small(f[0], b[0], levels, found, luma, back_luma, BLOCK, slope, o[0])
    _plane_over_small(f[1], b[1], levels, found, chroma, back_chroma, half, slope, o[1])
    _plane_over_small(f[2], b[2], levels, found, chroma, back_chroma, half, slope, o[2])
