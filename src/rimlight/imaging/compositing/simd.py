"""Vectors for compiled loops (numba): sixteen float32 numbers that are worked on at once.

LLVM makes vectors of long loops by itself, but a row of a person's edge is 32 pixels: most of it
would go one by one through what is left over behind the long loop. Here the vectors are written.
`+`, `-`, `*` and the functions below take vectors, numbers, or one of each, so that a formula
stands once for both. LLVM splits the vectors on processors whose own are shorter.

After an edit here, touch `kernels.py` too: numba's cache on disk looks at that file only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, overload, register_model

COUNT, LONG = np.uint64(16), np.uint64(32)

_SIXTEEN = int(COUNT)
_WORD = ir.IntType(32)
_REALS = ir.VectorType(ir.FloatType(), _SIXTEEN)
_WORDS = ir.VectorType(_WORD, _SIXTEEN)
_BYTES = ir.VectorType(ir.IntType(8), _SIXTEEN)
_PAIR = ir.IntType(16)  # two bytes, the first of them the lower one: of a little-endian machine
_PAIRS = ir.VectorType(_PAIR, _SIXTEEN)
_ROW = ir.VectorType(ir.IntType(8), int(LONG))
_SUM = ir.IntType(16)  # 256 times a pixel, and a half, still fit
_SUMS = ir.VectorType(_SUM, int(LONG))
_FAST = ("fast",)


class Lanes(types.Type):
    """Sixteen float32 numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = Lanes()


@register_model(Lanes)
class _LanesModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _REALS)


@intrinsic
def load(_: Any, array: Any, at: Any) -> Any:
    """Return sixteen pixels (uint8) or numbers (float32) of a flat array from offset `at` on."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if array.dtype != types.uint8:
            return builder.load(_place(context, builder, array, values, _REALS), align=4)
        pixels = builder.load(_place(context, builder, array, values, _BYTES), align=1)
        return builder.uitofp(builder.zext(pixels, _WORDS), _REALS)

    return LANES(array, at), code


@intrinsic
def store(_: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write to a flat array from offset `at` on; into pixels (uint8) without what is behind 1."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if array.dtype != types.uint8:
            builder.store(values[2], _place(context, builder, array, values, _REALS), align=4)
        else:
            pixels = builder.trunc(builder.fptosi(values[2], _WORDS), _BYTES)
            builder.store(pixels, _place(context, builder, array, values, _BYTES), align=1)
        return context.get_dummy_value()

    return types.void(array, at, lanes), code


@intrinsic
def gather_pairs(_: Any, array: Any, first: Any, places: Any, at: Any) -> Any:
    """Return pixels `array[first + place]`, and those behind each, as two vectors.

    Args:
        array: flat uint8.
        first: an offset.
        places: uint32, of which the sixteen from offset `at` on are meant.
        at: an offset.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pixels, start, indices, where = values
        base = builder.gep(context.make_array(array)(context, builder, pixels).data, [start])
        place = builder.gep(context.make_array(places)(context, builder, indices).data, [where])
        pairs = ir.Constant(_PAIRS, ir.Undefined)
        for lane in range(_SIXTEEN):
            index = builder.load(builder.gep(place, [_WORD(lane)]))
            pair = builder.gep(base, [builder.zext(index, ir.IntType(64))])
            pair = builder.load(builder.bitcast(pair, _PAIR.as_pointer()), align=1)
            pairs = builder.insert_element(pairs, pair, _WORD(lane))
        low = builder.and_(pairs, ir.Constant(_PAIRS, [255] * _SIXTEEN))
        high = builder.lshr(pairs, ir.Constant(_PAIRS, [8] * _SIXTEEN))
        both = [builder.uitofp(builder.zext(part, _WORDS), _REALS) for part in (low, high)]
        return context.make_tuple(builder, signature.return_type, both)

    return types.UniTuple(LANES, 2)(array, first, places, at), code


@intrinsic
def mix_bytes(_: Any, pixels: Any, first: Any, second: Any, weight: Any, out: Any, at: Any) -> Any:
    """Write means of 32 pixels (uint8) from offset `first` on, and of those from `second` on.

    Args:
        pixels: flat.
        first: an offset.
        second: an offset.
        weight: uint16, of the second in 256ths, 0 to 256.
        out: flat, for rounded pixels (uint8).
        at: where, in `out`.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source, one, other, share, target, to = values
        wide = [
            builder.zext(
                builder.load(_place(context, builder, pixels, (source, place), _ROW), align=1),
                _SUMS,
            )
            for place in (one, other)
        ]
        rest = builder.sub(_SUM(256), share)
        total = ir.Constant(_SUMS, [128] * int(LONG))
        for part, each in zip(wide, (rest, share), strict=True):
            total = builder.add(total, builder.mul(part, _spread(builder, each, _SUMS)))
        mean = builder.trunc(builder.lshr(total, ir.Constant(_SUMS, [8] * int(LONG))), _ROW)
        builder.store(mean, _place(context, builder, out, (target, to), _ROW), align=1)
        return context.get_dummy_value()

    return types.void(pixels, first, second, weight, out, at), code


@intrinsic
def whole(_: Any, value: Any) -> Any:
    """Return `value`, which is 0 or more, without what is behind its point."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        words = _WORDS if value == LANES else _WORD
        return builder.sitofp(builder.fptosi(values[0], words), values[0].type)

    return value(value), code


def _pairwise(build: Callable[[Any, Any, Any], Any]) -> Any:
    """Return a function of two that makes vectors where one of them is a vector."""

    @intrinsic
    def apply(_: Any, a: Any, b: Any) -> Any:
        kind = LANES if LANES in {a, b} else a

        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            if kind == LANES:
                values = [_spread(builder, value) for value in values]
            return build(builder, *values)

        return kind(a, b), code

    return apply


def _operator(symbol: Callable[[Any, Any], Any], build: Callable[[Any, Any, Any], Any]) -> None:
    """Let `symbol` work on vectors."""
    apply = _pairwise(build)

    @overload(symbol)
    def chosen(a: Any, b: Any) -> Any:
        def work(a: Any, b: Any) -> Any:
            return apply(a, b)

        return work if LANES in {a, b} else None


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=_FAST))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=_FAST))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=_FAST))
smaller = _pairwise(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
larger = _pairwise(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


def _place(context: Any, builder: Any, array: Any, values: Any, kind: Any) -> Any:
    """Return where sixteen elements of an array begin, as the address of one vector."""
    data = context.make_array(array)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), kind.as_pointer())


def _spread(builder: Any, value: Any, kind: Any = _REALS) -> Any:
    """Return a vector as it is, a single number as a vector of `kind` that repeats it."""
    if value.type == kind:
        return value
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, _WORD(0))
    zeros = ir.Constant(ir.VectorType(_WORD, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, nothing, zeros)
