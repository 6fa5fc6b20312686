"""Nothing under alpha 0: the colors of what is seen go on there, and are constant further away."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.blur import shrunk
from rimlight.imaging.color import even_size, planes
from rimlight.imaging.rim import mean, spread

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SMALL_PX = 160
"""Longer side of the small picture in which colors are spread."""
_SHORT = 0.02
"""What the constant color weighs in `spread`: it takes over within 6 of the small pixels."""
_BLACK = (16.0, 128.0, 128.0)


def without_hidden_bgr(bgr: Image, alpha: Image) -> Image:
    """Return a picture with nothing of its own where it is wholly transparent.

    Args:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w).
    """
    height, width = alpha.shape
    back = _continued(bgr, alpha, _small((width, height)), 0.0)
    large = cast(Image, cv2.resize(back, (width, height), interpolation=cv2.INTER_LINEAR))
    return cast(Image, cv2.copyTo(bgr, alpha, large))


def without_hidden_i420(i420: Image, alpha: Image) -> Image:
    """Do what `without_hidden_bgr` does for uint8 (rows*3/2, columns) I420."""
    out = np.empty_like(i420)
    down, right = i420.shape[0] * 2 // 3 - alpha.shape[0], i420.shape[1] - alpha.shape[1]
    full = np.asarray(cv2.copyMakeBorder(alpha, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    half = np.maximum(full[::2], full[1::2])
    half = np.ascontiguousarray(np.maximum(half[:, ::2], half[:, 1::2]))
    small = even_size(_small((i420.shape[1], full.shape[0])))
    for plane, target, black in zip(planes(i420), planes(out), _BLACK, strict=True):
        seen = full if plane.shape == full.shape else half
        back = _continued(plane, seen, small, black)
        large = cv2.resize(back, (plane.shape[1], plane.shape[0]), interpolation=cv2.INTER_LINEAR)
        target[...] = cv2.copyTo(plane, seen, large)
    return out


def _small(size: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, _SMALL_PX / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _continued(picture: Image, alpha: Image, size: tuple[int, int], empty: float) -> Image:
    """Return a small picture (h, w) or (h, w, 3) of what is seen, spread over what is hidden."""
    seen = cv2.copyTo(picture, alpha)
    cover = shrunk(_seen(alpha), size).astype(np.float32)
    weight = shrunk(alpha, size).astype(np.float32) * np.float32(1 / 255)
    small = shrunk(cast(Image, seen), size).astype(np.float32)
    channels = [small[..., c] for c in range(small.shape[2])] if small.ndim == 3 else [small]
    values = [
        np.divide(c * np.float32(255), cover, out=c.copy(), where=cover > 0) for c in channels
    ]
    return cast(Image, cv2.merge([_spread(v.clip(0, 255), weight, empty) for v in values]))


def _seen(alpha: Image) -> Image:
    """Return 255 where anything is seen, else 0."""
    return np.where(alpha > 0, np.uint8(255), np.uint8(0))


def _spread(values: Floats, weight: Floats, empty: float) -> Image:
    flat = mean(values, weight) if weight.any() else empty
    return spread(values, weight, np.full_like(values, flat), last=_SHORT)
