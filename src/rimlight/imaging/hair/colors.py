"""The colors of hair without the room that shines through it."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.edge_color import estimate_foreground
from rimlight.imaging.hair.features import Floats, Image, spread

_MOST_PX = 800
"""Longer side of the picture in which colors are estimated."""
_SOLID, _CLEAR = 250, 3
"""Levels of alpha from which on only the person is seen, and up to which only the room."""
_RIM, _LEAST_RIM_PX = 0.012, 3.0
"""How far the room shines into the person: share of the side of the mask, and in pixels."""
_NEAR_PX = 2.0
_CONTRAST = np.float32(50)
"""Squared levels that noise may differ by."""


def take_room_out(bgr: Image, alpha: Image) -> Image:
    """Return a picture whose half-transparent pixels show nothing of the room.

    The foreground's colors are estimated (see `estimate_foreground`). Of what is then left between
    the colors of the hair inside of it and those of the room near it, the part towards the room
    goes; so hair keeps its shading. Well inside of the person nothing changes.

    Args:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w), how opaque each pixel is.

    Returns:
        A new uint8 (h, w, 3).
    """
    size = bgr.shape[1], bgr.shape[0]
    factor = min(1.0, _MOST_PX / max(size))
    if factor == 1:
        colors, inner = _estimate(bgr, alpha)
        return composite_bgr(bgr, colors, inner)
    few = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
    colors, inner = _estimate(_resized(bgr, few), _resized(alpha, few))
    return composite_bgr(bgr, _resized(colors, size), _resized(inner, size))


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    return cast(Image, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _estimate(bgr: Image, alpha: Image) -> tuple[Image, Image]:
    """Return clean colors, uint8 (h, w, 3), and where the picture itself counts, uint8 (h, w)."""
    depth = _distance(alpha >= _SOLID)
    side = float(np.sqrt(np.count_nonzero(alpha >= 128)))
    rim = max(_LEAST_RIM_PX, _RIM * side)
    inner = np.rint(np.minimum(depth * np.float32(255 / rim), 255)).astype(np.uint8)
    pixels = bgr.astype(np.float32)
    hair = _spread(pixels, depth > rim, side)
    room = _spread(pixels, _distance(alpha <= _CLEAR) > _NEAR_PX, side)
    colors = estimate_foreground(bgr, alpha).astype(np.float32)
    way = room - hair
    share = ((colors - hair) * way).sum(axis=2) / ((way * way).sum(axis=2) + _CONTRAST)
    clean = colors - np.maximum(share, 0)[..., None] * way
    return np.rint(clean.clip(0, 255)).astype(np.uint8), inner


def _distance(flags: NDArray[np.bool_]) -> Floats:
    """Return how far pixels that are set lie from those that are not; 0 for these."""
    framed = cv2.copyMakeBorder(flags.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return cast(Floats, cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1])


def _spread(pixels: Floats, where: NDArray[np.bool_], side: float) -> Floats:
    if not where.any():
        return pixels
    reaches = tuple(share * max(side, 1) for share in (0.01, 0.04, 0.15, 1))
    return spread(pixels, where.astype(np.float32), reaches)
