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

_BACK, _FRONT, _MIXED = 0, 1, 2

# Numbers that stay float32 keep the loops in 32-bit lanes.
_ONE, _TWO, _THREE, _ZERO = (np.float32(n) for n in (1, 2, 3, 0))
_HALF, _FULL, _UNIT = np.float32(0.5), np.float32(255), np.float32(256)
_ROUND, _SHIFT = np.float32(32768), np.float32(1 / 65536)
_PER_FULL, _FULL_HALF = np.float32(1 / 255), np.float32(127.5)

compiled = njit(nogil=True, fastmath=True, error_model="numpy", cache=True)


@compiled
def _copy(source: Any, target: Any) -> None:
    for i in range(target.shape[0]):
        target[i] = source[i]


@compiled
def _widen(row: Any, left: Any, right: Any, weight: Any, target: Any) -> None:
    """Interpolate a row at a finer grid; the result is 256 times the value."""
    for i in range(target.shape[0]):
        target[i] = row[left[i]] * (_UNIT - weight[i]) + row[right[i]] * weight[i]


@compiled
def _fill(upper: Any, lower: Any, weight: Any, target: Any) -> None:
    """Write the mean of two widened rows."""
    for i in range(target.shape[0]):
        value = upper[i] * (_UNIT - weight) + lower[i] * weight
        target[i] = np.uint8(np.int32((value + _ROUND) * _SHIFT))


@compiled
def _mix(
    front: Any, back: Any, upper: Any, lower: Any, weight: Any, edges: Any, target: Any
) -> None:
    """Mix two rows by the mean of two widened mask rows, through the smooth step of `edges`."""
    low, per_width = edges
    for i in range(target.shape[0]):
        value = upper[i] * (_UNIT - weight) + lower[i] * weight
        level = np.floor((value + _ROUND) * _SHIFT)
        t = min(max((level - low) * per_width, _ZERO), _ONE)
        alpha = np.floor(t * t * (_THREE - _TWO * t) * _FULL + _HALF)
        f = np.float32(front[i])
        b = np.float32(back[i])
        mixed = (b * (_FULL - alpha) + f * alpha + _FULL_HALF) * _PER_FULL
        target[i] = np.uint8(np.int32(mixed))


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
def _widen_mixed(mask: Any, j: int, k: int, grid: Any, runs: Any, block: int, rows: Any) -> None:
    """Widen mask rows j and k where blocks are mixed."""
    left, right, weight = grid[0], grid[1], grid[2]
    width = left.shape[0]
    for r in range(runs.shape[0]):
        if runs[r, 2] == _MIXED:
            a, b = runs[r, 0] * block, min(runs[r, 1] * block, width)
            _widen(mask[j], left[a:b], right[a:b], weight[a:b], rows[0, a:b])
            _widen(mask[k], left[a:b], right[a:b], weight[a:b], rows[1, a:b])


@compiled
def _plane(
    front: Any,
    back: Any,
    mask: Any,
    low: Any,
    high: Any,
    grid: Any,
    block: int,
    edges: Any,
    out: Any,
) -> None:
    """Composite one plane over a back of the same size."""
    height, width = front.shape
    upper_row, lower_row, down = grid[3], grid[4], grid[5]
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    rows = np.empty((2, width), np.float32)
    all_runs = np.empty((low.shape[1], 3), np.int64)
    count, done = 0, -1
    for y in range(height):
        j, k = np.int64(upper_row[y]), np.int64(lower_row[y])
        if j != done:
            count = _runs(low, high, j, k, edges, all_runs)
            _widen_mixed(mask, j, k, grid, all_runs[:count], block, rows)
            done = j
        for r in range(count):
            a, b = all_runs[r, 0] * block, min(all_runs[r, 1] * block, width)
            kind, target = all_runs[r, 2], out[y, a:b]
            if kind == _BACK:
                _copy(back[y, a:b], target)
            elif kind == _FRONT:
                _copy(front[y, a:b], target)
            else:
                upper, lower = rows[0, a:b], rows[1, a:b]
                _mix(front[y, a:b], back[y, a:b], upper, lower, down[y], slope, target)


@compiled
def composite(
    front: Any, back: Any, mask: Any, luma: Any, chroma: Any, spans: Any, edges: Any, out: Any
) -> None:
    """Composite I420 `front` over I420 `back` of the same size; see `composite.composite`."""
    low = np.empty((mask.shape[0], spans[0].shape[0]), np.float32)
    high = np.empty_like(low)
    _extremes(mask, spans[0], spans[1], low, high)
    front_y, front_u, front_v = _planes(front)
    back_y, back_u, back_v = _planes(back)
    out_y, out_u, out_v = _planes(out)
    _plane(front_y, back_y, mask, low, high, luma, BLOCK, edges, out_y)
    _plane(front_u, back_u, mask, low, high, chroma, BLOCK // 2, edges, out_u)
    _plane(front_v, back_v, mask, low, high, chroma, BLOCK // 2, edges, out_v)


@compiled
def _plane_over_small(
    front: Any,
    back: Any,
    mask: Any,
    low: Any,
    high: Any,
    grid: Any,
    back_grid: Any,
    block: int,
    edges: Any,
    out: Any,
) -> None:
    """Composite one plane over a smaller back, which is enlarged where it shows."""
    height, width = front.shape
    upper_row, lower_row, down = grid[3], grid[4], grid[5]
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    rows = np.empty((2, width), np.float32)
    back_rows = np.empty((2, width), np.float32)
    back_line = np.empty(width, np.uint8)
    all_runs = np.empty((low.shape[1], 3), np.int64)
    count, done, back_done = 0, -1, -1
    for y in range(height):
        j, k = np.int64(upper_row[y]), np.int64(lower_row[y])
        if j != done:
            count = _runs(low, high, j, k, edges, all_runs)
            _widen_mixed(mask, j, k, grid, all_runs[:count], block, rows)
            done = j
        bj, bk = np.int64(back_grid[3][y]), np.int64(back_grid[4][y])
        if bj != back_done:
            _widen(back[bj], back_grid[0], back_grid[1], back_grid[2], back_rows[0])
            _widen(back[bk], back_grid[0], back_grid[1], back_grid[2], back_rows[1])
            back_done = bj
        for r in range(count):
            a, b = all_runs[r, 0] * block, min(all_runs[r, 1] * block, width)
            kind, target = all_runs[r, 2], out[y, a:b]
            if kind == _FRONT:
                _copy(front[y, a:b], target)
            elif kind == _BACK:
                _fill(back_rows[0, a:b], back_rows[1, a:b], back_grid[5][y], target)
            else:
                line = back_line[a:b]
                _fill(back_rows[0, a:b], back_rows[1, a:b], back_grid[5][y], line)
                upper, lower = rows[0, a:b], rows[1, a:b]
                _mix(front[y, a:b], line, upper, lower, down[y], slope, target)


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
    """Composite I420 `front` over a smaller I420 `back`; see `composite.composite_over_small`."""
    low = np.empty((mask.shape[0], spans[0].shape[0]), np.float32)
    high = np.empty_like(low)
    _extremes(mask, spans[0], spans[1], low, high)
    front_y, front_u, front_v = _planes(front)
    back_y, back_u, back_v = _planes(back)
    out_y, out_u, out_v = _planes(out)
    half = BLOCK // 2
    _plane_over_small(front_y, back_y, mask, low, high, luma, back_luma, BLOCK, edges, out_y)
    _plane_over_small(front_u, back_u, mask, low, high, chroma, back_chroma, half, edges, out_u)
    _plane_over_small(front_v, back_v, mask, low, high, chroma, back_chroma, half, edges, out_v)
