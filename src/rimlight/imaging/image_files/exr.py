"""Encode OpenEXR: half float, scene-linear light, with alpha.

Sources: OpenEXR Technical Introduction (half float, linear light, primaries of BT.709 unless the
file says otherwise, colors multiplied with alpha by convention); IEC 61966-2-1 for the curve.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.system.av import av

_KNEE, _SLOPE, _OFFSET, _GAMMA = 0.04045, 12.92, 0.055, 2.4
_HALF_STEP = 2.0**-11
"""Half floats have 11 significant bits."""


def encode_exr(
    bgr: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, *, premultiplied: bool
) -> bytes:
    """Return a picture as an OpenEXR file, lossless apart from rounding to half floats.

    Args:
        bgr: uint8 (height, width, 3), sRGB.
        alpha: uint8 (height, width); None for an opaque picture.
        premultiplied: multiply the linear colors with alpha.

    Raises:
        ValueError: the file, decoded, is not what was encoded.
    """
    opaque = np.full(bgr.shape[:2], 255, np.uint8) if alpha is None else alpha
    pixels = make_linear(bgr, opaque, premultiplied=premultiplied)
    pixel_format = "gbrpf32le" if alpha is None else "gbrapf32le"
    pixels = pixels[..., :3] if alpha is None else pixels
    context = av.CodecContext.create("exr", "w")
    context.height, context.width = bgr.shape[:2]
    context.pix_fmt, context.time_base = pixel_format, Fraction(1)
    context.options = {"format": "half", "compression": "zip16"}
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=pixel_format)
    data = b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))
    if not _holds(data, pixels):
        raise ValueError("the file, decoded, is not what was encoded")
    return data


def make_linear(
    bgr: NDArray[np.uint8], alpha: NDArray[np.uint8], *, premultiplied: bool
) -> NDArray[np.float32]:
    """Return float32 (height, width, 4), linear R, G, B and alpha, in 0..1."""
    opacity = alpha.astype(np.float32) / 255
    linear = _make_curve()[cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)]
    if premultiplied:
        linear = linear * opacity[..., None]
    return np.dstack([linear, opacity])


@cache
def _make_curve() -> NDArray[np.float32]:
    """Return the linear light of each sRGB level."""
    level = np.arange(256) / 255
    curve = np.where(level <= _KNEE, level / _SLOPE, ((level + _OFFSET) / (1 + _OFFSET)) ** _GAMMA)
    return curve.astype(np.float32)


def _holds(data: bytes, pixels: NDArray[np.float32]) -> bool:
    """Return True if the file decodes to `pixels`, to the precision of half floats."""
    context = av.CodecContext.create("exr", "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames or (frames[0].height, frames[0].width) != pixels.shape[:2]:
        return False
    order = (2, 0, 1, 3)[: pixels.shape[2]]  # R, G, B, A among the planes G, B, R, A
    for channel, index in enumerate(order):
        plane = frames[0].planes[index]
        rows = np.frombuffer(bytes(plane), "<f2").reshape(-1, plane.line_size // 2)
        stored = rows[: plane.height, : plane.width].astype(np.float32)
        if np.abs(stored - pixels[..., channel]).max() > _HALF_STEP:
            return False
    return True
