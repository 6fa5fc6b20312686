"""The rim of a cut-out: without the old background's colours, and with some of the new light."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.colour import even_size, planes
from rimlight.imaging.composite import Edges, Image, composite, enlarge
from rimlight.imaging.over import composite_bgr

SURE = 0.9
"""From this alpha on a pixel shows nothing but the foreground."""
_NEAR_PX, _FAR_PX = 2.0, 8.0
"""How far colours are spread, in pixels of the mask: first choice, and where that is too short."""
_FAINT = 0.02
_DEEP = (1.0, 1.4)
"""Beyond alpha 1: where models are sure, a pixel or two of the room are left all the same."""
_MOST = (0.9, 0.97)
"""Scores that the deep band does not go beyond: few masks reach 1 everywhere."""


def with_own_colours(
    front: Image, mask: Image, edges: Edges, dst: Image, *, deep: bool = False
) -> Image:
    """Return I420 `front` with the old background's colours taken out of its soft edge.

    Where the mask is between, a pixel mixes both; what shows through is replaced by the colours
    of the sure foreground near it (the idea of Germer et al., "Fast multi-level foreground
    estimation", ICPR 2020, reduced to one level: means of sure pixels, weighted by distance).

    Args:
        front: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), any size, covering the picture.
        edges: (low, high) of the mask's smooth step.
        dst: takes the result; the shape of `front`, and not `front`.
        deep: reach into the sure part too, for backgrounds of quite another colour.
    """
    size = even_size((mask.shape[1], mask.shape[0]))
    band, least = _band(edges, deep=deep)
    sure = _resized((mask >= least).astype(np.float32), size)
    small = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for plane, out in zip(planes(front), planes(small), strict=True):
        shape = (out.shape[1], out.shape[0])
        out[...] = spread(cv2.resize(plane, shape).astype(np.float32), _resized(sure, shape))
    return composite(front, small, mask, band, dst)


def with_own_colours_bgr(front: Image, mask: Image, edges: Edges) -> Image:
    """Do what a deep `with_own_colours` does, for uint8 (h, w, 3) BGR; return a new picture."""
    size, whole = (mask.shape[1], mask.shape[0]), (front.shape[1], front.shape[0])
    band, least = _band(edges, deep=True)
    sure = (mask >= least).astype(np.float32)
    small = np.asarray(cv2.resize(front, size), np.float32)
    pure = cv2.merge([spread(small[..., channel], sure) for channel in range(3)])
    alpha = enlarge(mask, whole, band)
    return composite_bgr(front, cast(Image, cv2.resize(pure, whole)), alpha)


def with_light(front: Image, back: Image, mask: Image, strength: float, dst: Image) -> Image:
    """Return I420 `front` with the light of the blurred `back` on its edge (light wrap).

    Args:
        front: uint8 (rows*3/2, columns).
        back: I420, of any even size.
        mask: uint8 (h, w), any size, covering the picture.
        strength: in [0, 1]; how much of the light is seen where the foreground ends.
        dst: takes the result; the shape of `front`, and not `front`.
    """
    size = even_size((max(2, mask.shape[1] // 4), max(2, mask.shape[0] // 4)))
    light = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for plane, out in zip(planes(back), planes(light), strict=True):
        small = cv2.resize(plane, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_AREA)
        out[...] = cv2.blur(small, (3, 3))
    depth = cv2.GaussianBlur(mask, (0, 0), _NEAR_PX)
    # Half of the blurred mask lies inside: 127 at the edge, 255 where no light comes through.
    inside = cv2.convertScaleAbs(depth, alpha=2 * strength, beta=255 - 510 * strength)
    return composite(front, light, cast(Image, inside), (0.0, 1.0), dst)


def spread(values: NDArray[np.float32], weight: NDArray[np.float32]) -> Image:
    """Return uint8 (h, w): `values` where `weight` is 1, their nearby means where it is 0.

    Args:
        values: float32 (h, w) in 0..255.
        weight: float32 (h, w) in [0, 1]. Where there is none in reach, the values stay.
    """
    weighted = values * weight
    total, count = values * np.float32(_FAINT**3), np.full_like(values, _FAINT**3)
    for sigma, trust in ((_FAR_PX, _FAINT), (_NEAR_PX, 1.0)):
        total += np.float32(trust) * cv2.GaussianBlur(weighted, (0, 0), sigma)
        count += np.float32(trust) * cv2.GaussianBlur(weight, (0, 0), sigma)
    means = total / count
    return cast(Image, np.rint(means + weight * (values - means)).astype(np.uint8))


def _resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.resize(values, size))


def _band(edges: Edges, *, deep: bool) -> tuple[Edges, float]:
    """Return between which scores pixels get their own colours back, and the least sure level."""
    if deep:
        low, high = (min(_share(edges, at), most) for at, most in zip(_DEEP, _MOST, strict=True))
        return (low, high), 255 * high
    return (_share(edges, 0.5), _share(edges, 1.0)), 255 * _share(edges, SURE)


def _share(edges: Edges, alpha: float) -> float:
    return edges[0] + alpha * (edges[1] - edges[0])
