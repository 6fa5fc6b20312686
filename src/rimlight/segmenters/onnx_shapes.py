"""Open the shapes of .onnx files that declare a size they do not need.

Fully convolutional networks are often exported with a placeholder for a size, which ONNX Runtime
enforces. Without declared shapes it accepts any. The file's bytes are rewritten as Protocol Buffers
messages; only the fields of onnx.proto that are named here are interpreted.
"""

from __future__ import annotations

from collections.abc import Iterator

_GRAPH = 7  # of ModelProto
_INPUT, _OUTPUT, _VALUE_INFO = 11, 12, 13  # of GraphProto
_TYPE = 2  # of ValueInfoProto
_TENSOR = 1  # of TypeProto
_SHAPE = 2  # of TypeProto.Tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def drop_shapes(model: bytes) -> bytes:
    """Return an ONNX model without the shapes of its inputs and outputs.

    Raises:
        ValueError: these are not the bytes of a Protocol Buffers message.
    """
    return _rewrite(model, [(_GRAPH,), (_INPUT, _OUTPUT), (_TYPE,), (_TENSOR,)])


def _rewrite(message: bytes, path: list[tuple[int, ...]]) -> bytes:
    """Return a message with the shapes below `path` left out."""
    out = []
    for field, raw, content in _split(message):
        if not path:
            out.append(b"" if field == _SHAPE else raw)
        elif field in path[0] and content is not None:
            inner = _rewrite(content, path[1:])
            out.append(_write_varint(field << 3 | _BYTES) + _write_varint(len(inner)) + inner)
        elif not (len(path) == 3 and field == _VALUE_INFO):
            out.append(raw)
    return b"".join(out)


def _split(message: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Yield (field number, whole field, content of a length-delimited field) of a message."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        content = None
        if key & 7 == _VARINT:
            _, at = _read_varint(message, at)
        elif key & 7 == _BYTES:
            length, at = _read_varint(message, at)
            content, at = message[at : at + length], at + length
        elif key & 7 in (_FIXED64, _FIXED32):
            at += 8 if key & 7 == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the unknown wire type {key & 7}")
        if at > len(message):
            raise ValueError("the message is cut off")
        yield key >> 3, message[start:at], content


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number and the position after it."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("the message is cut off")


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
