"""The values that PipeWire exchanges: SPA pods, and the structures of a buffer.

A pod is a 32-bit size, a 32-bit type and a body that is padded to 8 bytes. Numbers are those of
<spa/utils/type.h>, <spa/pod/pod.h>, <spa/param/*.h> and <spa/buffer/*.h>, unchanged from PipeWire
0.3.65 to 1.6.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from fractions import Fraction

_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_CHOICE_RANGE, _CHOICE_FLAGS = 1, 4
_OBJECT_FORMAT, _OBJECT_BUFFERS, _OBJECT_META = 0x40003, 0x40004, 0x40005
_PARAM_ENUM_FORMAT, _PARAM_BUFFERS, _PARAM_META = 3, 5, 6
_VIDEO, _RAW, _YUY2 = 2, 1, 4
_RANGE_16_235, _MATRIX_BT601 = 2, 4
_MEM_PTR, _MEM_FD = 1 << 1, 1 << 2

META_HEADER = 1


class Chunk(ctypes.Structure):
    """What of a block is valid (struct spa_chunk)."""

    _fields_ = (
        ("offset", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_int32),
    )


class Data(ctypes.Structure):
    """One block of memory (struct spa_data)."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("fd", ctypes.c_int64),
        ("mapoffset", ctypes.c_uint32),
        ("maxsize", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
        ("chunk", ctypes.POINTER(Chunk)),
    )


class Header(ctypes.Structure):
    """Time and number of a frame (struct spa_meta_header)."""

    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
        ("pts", ctypes.c_int64),
        ("dts_offset", ctypes.c_int64),
        ("seq", ctypes.c_uint64),
    )


class Meta(ctypes.Structure):
    """One kind of metadata of a buffer (struct spa_meta)."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("data", ctypes.POINTER(Header)),
    )


class SpaBuffer(ctypes.Structure):
    """Blocks of memory and their metadata (struct spa_buffer)."""

    _fields_ = (
        ("n_metas", ctypes.c_uint32),
        ("n_datas", ctypes.c_uint32),
        ("metas", ctypes.POINTER(Meta)),
        ("datas", ctypes.POINTER(Data)),
    )


class StreamBuffer(ctypes.Structure):
    """The head of struct pw_buffer, which newer versions extend at its end."""

    _fields_ = (("buffer", ctypes.POINTER(SpaBuffer)),)


def make_yuy2_format(size: tuple[int, int], rate: Fraction) -> bytes:
    """Return the one format of a camera: YUY2, BT.601 of limited range.

    Args:
        size: (width, height) in pixels, both even.
        rate: frames per second.
    """
    return _pack_object(
        _OBJECT_FORMAT,
        _PARAM_ENUM_FORMAT,
        {
            1: _pack_id(_VIDEO),
            2: _pack_id(_RAW),
            0x20001: _pack_id(_YUY2),
            0x20003: _pack_pod(_RECTANGLE, struct.pack("<II", *size)),
            0x20004: _pack_pod(_FRACTION, struct.pack("<II", rate.numerator, rate.denominator)),
            0x2000C: _pack_id(_RANGE_16_235),
            0x2000D: _pack_id(_MATRIX_BT601),
        },
    )


def make_buffers(size: int, stride: int) -> bytes:
    """Return the requested memory: 2 to 16 buffers of one mappable block of `size` bytes."""
    count = struct.pack("<IIIIiii", _CHOICE_RANGE, 0, 4, _INT, 4, 2, 16)
    memory = struct.pack("<IIIIi", _CHOICE_FLAGS, 0, 4, _INT, _MEM_PTR | _MEM_FD)
    return _pack_object(
        _OBJECT_BUFFERS,
        _PARAM_BUFFERS,
        {
            1: _pack_pod(_CHOICE, count),
            2: _pack_int(1),
            3: _pack_int(size),
            4: _pack_int(stride),
            6: _pack_pod(_CHOICE, memory),
        },
    )


def make_header_meta() -> bytes:
    """Return the request for a header in each buffer: WebRTC reads it without asking."""
    values = {1: _pack_id(META_HEADER), 2: _pack_int(ctypes.sizeof(Header))}
    return _pack_object(_OBJECT_META, _PARAM_META, values)


def _pack_pod(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", len(body), kind) + body + bytes(-len(body) % 8)


def _pack_id(value: int) -> bytes:
    return _pack_pod(_ID, struct.pack("<I", value))


def _pack_int(value: int) -> bytes:
    return _pack_pod(_INT, struct.pack("<i", value))


def _pack_object(kind: int, param: int, properties: Mapping[int, bytes]) -> bytes:
    body = struct.pack("<II", kind, param)
    for key, value in properties.items():
        body += struct.pack("<II", key, 0) + value
    return _pack_pod(_OBJECT, body)
