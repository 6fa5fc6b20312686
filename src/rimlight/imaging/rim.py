"""The rim of a cut-out: without the old background's colours, and with some of the new light."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.colour import even_size, planes
from rimlight.imaging.composite import Edges, Image, composite

SURE = 0.9
"""From this alpha on a pixel shows nothing but the foreground."""
_NEAR_PX, _FAR_PX = 2.0, 8.0
"""How far colours are spread, in pixels of the mask: first choice, and where that is too short."""
_FAINT = 0.02


def with_own_colours(front: Image, mask: Image, edges: Edges, dst: Image) -> Image:
    """Return I420 `front` with the old background's colours taken out of its soft edge.

    Where the mask is between, a pixel mixes both; what shows through is replaced by the colours
    of the sure foreground near it (the idea of Germer et al., "Fast multi-level foreground
    estimation", ICPR 2020, reduced to one level: means of sure pixels, weighted by distance).

    Args:
        front: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), any size, covering the picture.
        edges: (low, high) of the mask's smooth step.
        dst: takes the result; the shape of `front`, and not `front`.
    """
    size = even_size((mask.shape[1], mask.shape[0]))
    sure = _resized((mask >= _level(edges, SURE)).astype(np.float32), size)
    small = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for plane, out in zip(planes(front), planes(small), strict=True):
        shape = (out.shape[1], out.shape[0])
        out[...] = spread(cv2.resize(plane, shape).astype(np.float32), _resized(sure, shape))
    return composite(front, small, mask, (_share(edges, 0.5), _share(edges, 1.0)), dst)


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


def _share(edges: Edges, alpha: float) -> float:
    return edges[0] + alpha * (edges[1] - edges[0])


def _level(edges: Edges, alpha: float) -> float:
    return 255 * _share(edges, alpha)
