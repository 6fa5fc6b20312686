"""Compiled inner loops (numba, the extra `fast`), reached through `imaging.jit` only.

Each does what an OpenCV path beside it does, within one level per pixel; that path documents it.

A mask is met on the fly. The picture's 32-pixel blocks are looked at first: where the mask is all
0 or all 1 there is only copying, where the target shows the right background already there is
nothing to do, and only the rest is interpolated and mixed, sixteen pixels at once (`lanes`).

Three things make the loops quick. Arrays are flat and go whole from function to function with
offsets beside them, because every slice costs numba two atomic counts; what works on a piece of a
row is inlined, because a call hands over every field of every array. Offsets are unsigned, because
LLVM vectorises no loop whose signed index numba must first check for being negative. And nothing
large is set aside: memory that is not in the cache costs more than widening a row again.

They stand in one file, longer than others, because numba's cache on disk looks only at the file of
the function that is called: one that calls into another file would go on as it was before an edit.
The vectors are apart, as words that the loops are written in, and change with them seldom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rimlight.imaging.compositing.simd import (
    COUNT,
    LONG,
    gather_pairs,
    larger,
    load,
    mix_bytes,
    smaller,
    store,
    whole,
)

U = np.uint64  # never mixed with signed numbers: numba would make float64 of the two

_LINE = U(64)  # bytes that a processor fetches at once

BLOCK = 32  # as composite.KERNEL_BLOCK; half as many columns in the chroma planes

_BACK, _FRONT, _MIXED, _KEPT = 0, 1, 2, 3

# Numbers that stay float32 keep the loops in 32-bit lanes.
_ONE, _TWO, _THREE, _ZERO = (np.float32(n) for n in (1, 2, 3, 0))
_HALF, _FULL, _UNIT = np.float32(0.5), np.float32(255), np.float32(256)
_ROUND, _SHIFT = np.float32(32768), np.float32(1 / 65536)
_PER_FULL, _PER_UNIT, _FULL_HALF = np.float32(1 / 255), np.float32(1 / 256), np.float32(127.5)

compiled = njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
inlined = njit(nogil=True, fastmath=True, error_model="numpy", forceinline=True)


@inlined
def _copy(source: Any, target: Any, at: Any, stride: Any, count: Any, rows: Any) -> None:
    """Copy `rows` pieces of `count` pixels, `stride` apart, from `at` on."""
    for y in range(rows):
        start = at + y * stride
        for i in range(count):
            target[start + i] = source[start + i]


@inlined
def _mean(first: Any, second: Any, weight: Any) -> Any:
    """Return the mean of two numbers or vectors; the second counts `weight` 256ths."""
    return first * (_UNIT - weight) + second * weight


@inlined
def _level(value: Any) -> Any:
    """Return a mean of means, 65536 times too large, as a whole level."""
    return whole((value + _ROUND) * _SHIFT)


@inlined
def _alpha(value: Any, slope: Any) -> Any:
    """Return a mean of means of mask levels, put through a smooth step, as a whole level."""
    t = smaller(larger((_level(value) - slope[0]) * slope[1], _ZERO), _ONE)
    return whole(t * t * (_THREE - _TWO * t) * _FULL + _HALF)


@inlined
def _shade(front: Any, back: Any, alpha: Any) -> Any:
    """Return the mix of two levels or vectors; what is behind its point is to be cut off."""
    return (back * (_FULL - alpha) + front * alpha + _FULL_HALF) * _PER_FULL


@inlined
def _widen(pixels: Any, row: Any, grid: Any, a: Any, count: Any, target: Any, at: Any) -> None:
    """Interpolate columns of the row of `pixels` at `row`; gives 256 times the value."""
    left, weight = grid[0], grid[1]
    long = count - count % COUNT
    for i in range(U(0), long, COUNT):
        first, second = gather_pairs(pixels, row, left, a + i)
        store(target, at + i, _mean(first, second, load(weight, a + i)))
    for i in range(long, count):
        x = row + left[a + i]
        first, second = np.float32(pixels[x]), np.float32(pixels[x + U(1)])
        target[at + i] = _mean(first, second, weight[a + i])


@inlined
def _source(pixels: Any, starts: Any, size: Any, grid: Any, blocks: Any) -> Any:
    """Return flat planes as `_hold` needs them: with room for rows, and what it holds.

    There is room for an even and an odd row of each plane. Of each block it is noted which row is
    there, counted from 1: the even ones, then the odd.
    """
    wide = np.empty(U(2) * U(len(starts)) * U(grid[0].size), np.float32)
    return pixels, starts, size, grid, wide, np.zeros(U(2) * blocks, np.uint64)


@inlined
def _hold(source: Any, row: Any, run: Any) -> Any:
    """Widen a run of blocks of a row, where that is not done; return where the row lies.

    Args:
        source: see `_source`.
        row: the one that is wanted; that before it or behind it stays beside it.
        run: the first block, the block after the last, and the columns of a block.
    """
    pixels, starts, size, grid, wide, held = source
    first, last, block = run
    width, slot = U(grid[0].size), row % U(2)
    at, blocks = slot * U(len(starts)) * width, slot * (U(held.size) // U(2))
    for c in range(first, last):
        if held[blocks + c] != row + U(1):
            held[blocks + c] = row + U(1)
            a, to = c * block, at
            for start in starts:
                _widen(pixels, start + row * size, grid, a, min(block, width - a), wide, to + a)
                to += width
    return at + first * block


@inlined
def _hold_both(source: Any, y: Any, run: Any) -> Any:
    """Hold the two rows around row `y`; return where they lie and the lower one's weight.

    The weight is in 256ths, as all are.
    """
    grid = source[3]
    rows = _hold(source, U(grid[2][y]), run), _hold(source, U(grid[3][y]), run)
    return rows, grid[4][y]


@inlined
def _fill(
    wide: Any, rows: Any, weight: Any, target: Any, starts: Any, here: Any, count: Any, width: Any
) -> None:
    """Write the mean of two held rows into a piece of a row of planes, as in `_mix_over_wide`."""
    long = count - count % COUNT
    above, below = rows
    for start in starts:
        at = start + here
        for i in range(U(0), long, COUNT):
            value = _mean(load(wide, above + i), load(wide, below + i), weight)
            store(target, at + i, _level(value))
        for i in range(long, count):
            value = _mean(wide[above + i], wide[below + i], weight)
            target[at + i] = np.uint8(np.int32(_level(value)))
        above += width
        below += width


@inlined
def _mix(
    front: Any, back: Any, target: Any, starts: Any, here: Any, wide: Any, rows: Any, weight: Any,
    slope: Any, count: Any,
) -> None:  # fmt: skip
    """Mix a piece of a row of planes, `here` pixels behind their starts, over such a back.

    `wide` holds the mask's rows around it at the offsets `rows`; the second counts `weight` 256ths.
    """
    upper, lower = rows
    long = count - count % COUNT
    for i in range(U(0), long, COUNT):
        alpha = _alpha(_mean(load(wide, upper + i), load(wide, lower + i), weight), slope)
        for start in starts:
            at = start + here + i
            store(target, at, _shade(load(front, at), load(back, at), alpha))
    for i in range(long, count):
        alpha = _alpha(_mean(wide[upper + i], wide[lower + i], weight), slope)
        for start in starts:
            at = start + here + i
            mixed = _shade(np.float32(front[at]), np.float32(back[at]), alpha)
            target[at] = np.uint8(np.int32(mixed))


@inlined
def _mix_over_wide(
    front: Any, wide_back: Any, backs: Any, down: Any, target: Any, starts: Any, here: Any,
    wide: Any, rows: Any, weight: Any, slope: Any, count: Any, width: Any,
) -> None:  # fmt: skip
    """Do what `_mix` does over a back whose rows are held as those of the mask are.

    Its second row counts `down` 256ths; those of the next plane lie `width` numbers behind.
    """
    upper, lower = rows
    above, below = backs
    long = count - count % COUNT
    for i in range(U(0), long, COUNT):
        alpha = _alpha(_mean(load(wide, upper + i), load(wide, lower + i), weight), slope)
        plane = i
        for start in starts:
            at = start + here + i
            back = _mean(load(wide_back, above + plane), load(wide_back, below + plane), down)
            store(target, at, _shade(load(front, at), _level(back), alpha))
            plane += width
    for i in range(long, count):
        alpha = _alpha(_mean(wide[upper + i], wide[lower + i], weight), slope)
        plane = i
        for start in starts:
            at = start + here + i
            back = _mean(wide_back[above + plane], wide_back[below + plane], down)
            mixed = _shade(np.float32(front[at]), _level(back), alpha)
            target[at] = np.uint8(np.int32(mixed))
            plane += width


@inlined
def _doubled(window: Any, step: Any, most: Any, out: Any) -> None:
    """Write the extremes of windows of twice `step` cells, made of those of `step` cells."""
    rest = U(window.size) - step
    if most:
        for i in range(rest):
            out[i] = max(window[i], window[i + step])
    else:
        for i in range(rest):
            out[i] = min(window[i], window[i + step])


@compiled
def _extremes(mask: Any, first: Any, last: Any, most: Any, out: Any) -> None:
    """Find the least or greatest mask value under each block, row by row.

    Where a block is narrower than others, a neighboring column may count too.
    """
    widest = U(0)
    for c in range(first.shape[0]):
        widest = max(widest, last[c] - first[c] + U(1))
    # Windows that reach from one row into the next are not looked at.
    window, other, step = mask.reshape(-1), np.empty(mask.size, np.uint8), U(1)
    while step * U(2) <= widest:
        _doubled(window, step, most, other)
        window, other = other, (np.empty_like(other) if step == U(1) else window)
        step *= U(2)
    size = U(mask.shape[1])
    for j in range(U(mask.shape[0])):
        for c in range(U(first.shape[0])):
            a = window[j * size + min(first[c], size - step)]
            b = window[j * size + max(last[c] + U(1), step) - step]
            out[j, c] = max(a, b) if most else min(a, b)


@compiled
def _look(mask: Any, spans: Any, edges: Any, shown: Any) -> Any:
    """Return the kinds of the blocks between every mask row and the next.

    `shown` holds the kinds that the target shows already, and takes the new ones.
    """
    low = np.empty((mask.shape[0], spans[0].shape[0]), np.uint8)
    high, kinds = np.empty_like(low), np.empty_like(low)
    _extremes(mask, spans[0], spans[1], False, low)
    _extremes(mask, spans[0], spans[1], True, high)
    last = low.shape[0] - 1
    for j in range(low.shape[0]):
        k = min(j + 1, last)
        for c in range(low.shape[1]):
            kind = _MIXED
            if max(high[j, c], high[k, c]) <= edges[0]:
                kind = _BACK
            elif min(low[j, c], low[k, c]) >= edges[1]:
                kind = _FRONT
            kinds[j, c] = _KEPT if kind == _BACK and shown[j, c] == _BACK else kind
            shown[j, c] = kind
    return kinds


@inlined
def _same_blocks(kinds: Any, start: Any) -> Any:
    """Return the end of the blocks of one kind."""
    end = start + U(1)
    while end < U(kinds.size) and kinds[end] == kinds[start]:
        end += U(1)
    return end


@inlined
def _same_rows(grid: Any, start: Any) -> Any:
    """Return the end of the picture rows that lie between the same two small rows."""
    upper = grid[2]
    end = start + U(1)
    while end < U(upper.shape[0]) and upper[end] == upper[start]:
        end += U(1)
    return end


@inlined
def _run(kinds: Any, j: Any, first: Any, block: Any, width: Any) -> Any:
    """Return the kind and the columns of the blocks from `first`, also as `_hold` takes them.

    `width` is that of the picture, which may end within the last block.
    """
    end = _same_blocks(kinds[j], first)
    return kinds[j, first], min(end * block, width) - first * block, (first, end, block)


@compiled
def _planes(
    front: Any, back: Any, out: Any, starts: Any, mask: Any, kinds: Any, grid: Any, block: Any,
    slope: Any,
) -> None:  # fmt: skip
    """Composite planes that start at the given offsets over a back of the same size."""
    width, height, blocks = U(grid[0].size), U(grid[2].size), U(kinds.shape[1])
    levels = _source(mask.reshape(-1), (U(0),), U(mask.shape[1]), grid, blocks)
    y = U(0)
    while y < height:
        j, k, end, c = U(grid[2][y]), U(grid[3][y]), _same_rows(grid, y), U(0)
        while c < blocks:
            kind, count, run = _run(kinds, j, c, block, width)
            here, c = y * width + c * block, run[1]
            if kind == _MIXED:
                rows = _hold(levels, j, run), _hold(levels, k, run)
                for n in range(end - y):
                    weight, at = grid[4][y + n], here + n * width
                    _mix(front, back, out, starts, at, levels[4], rows, weight, slope, count)
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
    kinds = _look(mask, spans, edges, shown)
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, b, o = front.reshape(-1), back.reshape(-1), out.reshape(-1)
    u, v = _sizes(front)
    block = U(BLOCK)
    _planes(f, b, o, (U(0),), mask, kinds, luma, block, slope)
    _planes(f, b, o, (u, v), mask, kinds, chroma, block // U(2), slope)


@compiled
def _planes_over_small(
    front: Any, small: Any, small_starts: Any, small_width: Any, out: Any, starts: Any, mask: Any,
    kinds: Any, grid: Any, small_grid: Any, block: Any, slope: Any,
) -> None:  # fmt: skip
    """Composite planes of one size over smaller ones, which are enlarged where they show."""
    width, height, blocks = U(grid[0].size), U(grid[2].size), U(kinds.shape[1])
    levels = _source(mask.reshape(-1), (U(0),), U(mask.shape[1]), grid, blocks)
    backs = _source(small, small_starts, small_width, small_grid, blocks)
    y = U(0)
    while y < height:
        j, k, end, c = U(grid[2][y]), U(grid[3][y]), _same_rows(grid, y), U(0)
        while c < blocks:
            kind, count, run = _run(kinds, j, c, block, width)
            here, c = y * width + c * block, run[1]
            if kind == _FRONT:
                for start in starts:
                    _copy(front, out, start + here, width, count, end - y)
            elif kind == _MIXED:
                rows = _hold(levels, j, run), _hold(levels, k, run)
                for n in range(end - y):
                    back, down = _hold_both(backs, y + n, run)
                    _mix_over_wide(
                        front, backs[4], back, down, out, starts, here + n * width, levels[4],
                        rows, grid[4][y + n], slope, count, width,
                    )  # fmt: skip
            elif kind == _BACK:
                for n in range(end - y):
                    back, down = _hold_both(backs, y + n, run)
                    _fill(backs[4], back, down, out, starts, here + n * width, count, width)
        y = end


@compiled
def composite_over_small(
    front: Any, back: Any, mask: Any, luma: Any, chroma: Any, back_luma: Any, back_chroma: Any,
    spans: Any, edges: Any, shown: Any, out: Any,
) -> None:  # fmt: skip
    """Composite I420 `front` over a smaller I420 `back`; see `composite.composite`."""
    kinds = _look(mask, spans, edges, shown)
    slope = (edges[0], _ONE / (edges[1] - edges[0]))
    f, b, o = front.reshape(-1), back.reshape(-1), out.reshape(-1)
    u, v = _sizes(front)
    bu, bv = _sizes(back)
    width, block = U(back.shape[1]), U(BLOCK)
    _planes_over_small(f, b, (U(0),), width, o, (U(0),), mask, kinds, luma, back_luma, block, slope)
    width, block = width // U(2), block // U(2)
    _planes_over_small(
        f, b, (bu, bv), width, o, (u, v), mask, kinds, chroma, back_chroma, block, slope
    )


@compiled
def fetch(i420: Any) -> Any:
    """Read a byte of each cache line of a picture, in four places at a time.

    What makes the model's input waits for one row after the other; these reads wait for many lines
    at once, and leave them in the cache. What it returns means nothing: without it the reads would
    be left out.
    """
    seen, pixels, part = np.uint8(0), i420.reshape(-1), U(i420.size) // U(4)
    for i in range(U(0), part, _LINE):
        seen ^= pixels[i] ^ pixels[i + part] ^ pixels[i + U(2) * part] ^ pixels[i + U(3) * part]
    return seen


@inlined
def _mean_row(pixels: Any, rows: Any, weight: Any, out: Any) -> None:
    """Mix the rows at two offsets; the second counts `weight` 256ths."""
    count, (first, second) = U(out.size), rows
    long, share = count - count % LONG, np.uint16(weight)
    for i in range(U(0), long, LONG):
        mix_bytes(pixels, first + i, second + i, share, out, i)
    for i in range(long, count):
        mixed = _mean(np.float32(pixels[first + i]), np.float32(pixels[second + i]), weight)
        out[i] = np.uint8(np.int32(mixed * _PER_UNIT + _HALF))


@inlined
def _resample(pixels: Any, start: Any, stride: Any, size: Any, grid: Any, out: Any) -> None:
    """Write a plane at another size, mixed bilinearly: first its rows, then their columns.

    It begins at `start`, its rows lie `stride` apart and have `size` pixels.
    """
    row, target, width = np.empty(size, np.uint8), out.reshape(-1), U(grid[0].size)
    long = width - width % COUNT
    for y in range(U(grid[2].size)):
        upper, lower = start + U(grid[2][y]) * stride, start + U(grid[3][y]) * stride
        _mean_row(pixels, (upper, lower), grid[4][y], row)
        at = y * width
        for i in range(U(0), long, COUNT):
            first, second = gather_pairs(row, U(0), grid[0], i)
            store(target, at + i, _mean(first, second, load(grid[1], i)) * _PER_UNIT + _HALF)
        for i in range(long, width):
            x = grid[0][i]
            mixed = _mean(np.float32(row[x]), np.float32(row[x + U(1)]), grid[1][i])
            target[at + i] = np.uint8(np.int32(mixed * _PER_UNIT + _HALF))


@compiled
def resample(i420: Any, width: Any, luma: Any, chroma: Any, y: Any, u: Any, v: Any) -> None:
    """Write the planes of a picture, `width` pixels wide, at another size.

    Args:
        i420: uint8, at least four columns.
        width: at most the columns.
        luma: where the pixels of `y` lie; see `grids.grid`.
        chroma: where those of `u` and `v` lie.
        y: uint8, takes the luma.
        u: uint8, takes Cb.
        v: uint8, takes Cr.
    """
    pixels, stride, (blue, red) = i420.reshape(-1), U(i420.shape[1]), _sizes(i420)
    half = stride // U(2)
    _resample(pixels, U(0), stride, U(width), luma, y)
    _resample(pixels, blue, half, half, chroma, u)
    _resample(pixels, red, half, half, chroma, v)


@compiled
def fill_tensor(
    y: Any, u: Any, v: Any, matrix: Any, scale: Any, offset: Any, out: Any, top: int, left: int
) -> None:
    """Write small planes as colors of a float input; see `segmenters.preprocess.Preprocessor`."""
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


@njit(nogil=True, error_model="numpy", cache=True)  # without fastmath, which knows no NaN
def clip(values: Any, out: Any) -> None:
    """Copy float32 numbers, none below 0 or above 1; what is no number stays none."""
    source, target = values.reshape(-1), out.reshape(-1)
    for i in range(U(source.size)):
        value = source[i]
        low = _ZERO if value < _ZERO else value
        target[i] = _ONE if low > _ONE else low


@compiled
def smooth(new: Any, past: Any, curve: Any, out: Any, levels: Any) -> None:
    """Draw scores to their past; see `refiners.smooth`.

    `curve` holds the seven factors, that of the seventh power first, of a polynomial of s * (1 - s)
    that gives the past's share for a score s. `levels` takes the results in 255ths.
    """
    n, p, o, s = new.reshape(-1), past.reshape(-1), out.reshape(-1), levels.reshape(-1)
    c0, c1, c2, c3, c4, c5, c6 = curve
    for i in range(U(n.size)):
        x = n[i] * (_ONE - n[i])
        share = ((((((c0 * x + c1) * x + c2) * x + c3) * x + c4) * x + c5) * x + c6) * x
        o[i] = n[i] + (p[i] - n[i]) * share
    for i in range(U(n.size)):
        s[i] = np.uint8(np.int32(o[i] * _FULL + _HALF))
