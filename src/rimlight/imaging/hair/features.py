"""What tells a hair from the room: features of the pixels around a mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]

REACH, DEPTH = 0.22, 0.03
"""How far hair reaches out of a mask, and how far in a mask may be wrong: shares of its side."""
HEAD = 0.4
"""The upper part of a person that can have hair."""
COUNT = 67
"""Features of a pixel."""
_ROOTS = 0.012, 0.07
"""Between which depths the foreground has the colors of what grows from it."""
_AWAY = 0.14
"""From this distance on there is no hair, only the room."""
_LIMIT = 3.0
_CONTRAST = np.float32(150)
"""Squared levels that noise may differ by: colors that are no more apart say nothing."""
_SMALL_PX, _COLORS_PX = 20, 256
"""The least side of a mask that has hair, and the longer side at which colors are spread."""
_RINGS = (1, 2, 4)
_THIN, _LINKS = 9, (0.15, 0.4)


@dataclass(frozen=True)
class Surroundings:
    """Where a mask ends, and how far each pixel is from there.

    Attributes:
        alpha: float32 (h, w), the mask.
        solid: uint8 (h, w), 1 within the mask.
        inside, outside: float32 (h, w), distances to the outline, in shares of `side`.
        side: root of the area of the mask, in pixels.
        band: bool (h, w), where there may be hair.
    """

    alpha: Floats
    solid: Image
    inside: Floats
    outside: Floats
    side: float
    band: Flags


def find_surroundings(alpha: Floats, least_px: int = _SMALL_PX) -> Surroundings | None:
    """Return where hair may be around a mask; None if nobody is large enough.

    Args:
        alpha: float32 (h, w), the mask.
        least_px: root of the area of a person from which on single hairs are looked for.
    """
    solid = (alpha >= 0.5).astype(np.uint8)
    side = float(np.sqrt(np.count_nonzero(solid)))
    if side < least_px or solid.all():
        return None
    inside, outside = (
        cv2.distanceTransform(one, cv2.DIST_L2, 5) * np.float32(1 / side)
        for one in (solid, 1 - solid)
    )
    band = (outside < REACH) & (inside < DEPTH) & _find_heads(solid, REACH * side, least_px)
    return Surroundings(alpha, solid, inside, outside, side, band) if band.any() else None


def _find_heads(solid: Image, reach_px: float, least_px: int) -> Flags:
    """Return where hair can be as heads are the upper part of a person, bool (h, w)."""
    heads = np.zeros(solid.shape, bool)
    _, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    for left, top, width, height, area in np.asarray(stats[1:], np.int64).tolist():
        if area < least_px**2:
            continue
        rows = slice(max(0, int(top - reach_px)), int(top + HEAD * height) + 1)
        columns = slice(max(0, int(left - reach_px)), int(left + width + reach_px) + 1)
        heads[rows, columns] = True
    return heads


def compute_features(picture: Image, near: Surroundings) -> tuple[Floats, Flags]:
    """Return the features of the pixels that may be hair.

    Args:
        picture: uint8 (h, w, 3), BGR.
        near: where the mask ends.

    Returns:
        float32 (n, `COUNT`), and bool (h, w): the n pixels.
    """
    pixels = picture.astype(np.float32)
    hair, room, rim = _estimate_colors(pixels, near)
    far, contrast = _project(pixels, hair, room)
    share, close_contrast = _project(pixels, hair, rim)
    share = np.clip(share, -1, 2)
    band = near.band & ((share > 0.08) | (far > 0.08) | (near.solid > 0))
    rest = np.linalg.norm(pixels - room - far.clip(-1, 2)[..., None] * (hair - room), axis=2) / 64
    planes: list[Floats] = [far, share, contrast, close_contrast, cast(Floats, rest)]
    planes += _structure(share)
    planes += _contrast_of_luma(picture)
    planes += _ridges(share)
    planes += _place(share, near)
    planes += _links(share, near)
    columns = [plane[band].clip(-_LIMIT, _LIMIT) for plane in planes]
    columns += [_shifted(share, x, y)[band] for x, y in _neighbors()]
    return np.stack(columns, axis=1).astype(np.float32), band


def spread(values: Floats, weight: Floats, reaches_px: tuple[float, ...]) -> Floats:
    """Return the means of `values` where there is weight, of the nearest that have any.

    Args:
        values: float32 (h, w, channels).
        weight: float32 (h, w) in [0, 1].
        reaches_px: how far the means reach, rising; a wider one counts where no nearer one does.
    """
    size = weight.shape[1], weight.shape[0]
    factor = min(1.0, _COLORS_PX / max(size))
    few = max(2, round(size[0] * factor)), max(2, round(size[1] * factor))
    weighted = _shrunk(values * weight[..., None], few).reshape(few[1], few[0], -1)
    weights = _shrunk(weight, few)
    total, count = np.zeros_like(weighted), np.zeros_like(weights)
    for number, reach in enumerate(reaches_px):
        trust = np.float32(1e-3**number)
        total += trust * _blurred(weighted, reach * factor).reshape(total.shape)
        count += trust * _blurred(weights, reach * factor)
    means = total / (count + np.float32(1e-12))[..., None]
    return cast(Floats, cv2.resize(means, size).reshape(values.shape))


def _blurred(values: Floats, reach_px: float) -> Floats:
    """Return `values`, averaged over about `reach_px` pixels to each side."""
    size = values.shape[1], values.shape[0]
    few = max(2, int(size[0] / max(1, reach_px / 2))), max(2, int(size[1] / max(1, reach_px / 2)))
    small = cv2.blur(cv2.blur(_shrunk(values, few), (5, 5)), (5, 5))
    return cast(Floats, cv2.resize(small, size))


def _shrunk(values: Floats, size: tuple[int, int]) -> Floats:
    return cast(Floats, cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _estimate_colors(pixels: Floats, near: Surroundings) -> tuple[Floats, Floats, Floats]:
    """Return the colors (h, w, 3) of the hair, of the room, and of what is just outside."""
    side = near.side
    grown = _weight((near.inside > _ROOTS[0]) & (near.inside < _ROOTS[1]))
    away = _weight(near.outside > _AWAY)
    just = _weight(near.outside * side > 2)
    away = away if away.sum() > 50 else just
    return (
        spread(pixels, grown, _in_px(side, 0.02, 0.06, 0.2, 1)),
        spread(pixels, away, _in_px(side, 0.03, 0.08, 0.25, 1)),
        spread(pixels, just, _in_px(side, 0.02, 0.06, 0.25, 1)),
    )


def _in_px(side: float, *shares: float) -> tuple[float, ...]:
    return tuple(share * side for share in shares)


def _weight(flags: Flags) -> Floats:
    return flags.astype(np.float32)


def _project(pixels: Floats, hair: Floats, room: Floats) -> tuple[Floats, Floats]:
    """Return how far each pixel is from the room to the hair, and how far these are apart."""
    way = hair - room
    length = (way * way).sum(axis=2)
    share = ((pixels - room) * way).sum(axis=2) / (length + _CONTRAST)
    return cast(Floats, share), np.log1p(length) * np.float32(1 / 8)


def _structure(share: Floats) -> list[Floats]:
    """Return what is thin, and what is around it, at several widths."""
    planes: list[Floats] = []
    for width in (5, 9, 17, 31):
        kernel = np.ones((width, width), np.uint8)
        low = cast(Floats, cv2.erode(share, kernel))
        thick = cast(Floats, cv2.dilate(low, kernel))
        planes.append(share - thick)
        if width in (9, 31):
            planes += [thick, low]
    for width in (3, 7, 15, 41):
        mean = cast(Floats, cv2.blur(share, (width, width)))
        planes.append(mean)
        if width > 3:
            squares = cast(Floats, cv2.blur(share * share, (width, width)))
            planes.append(np.sqrt(np.maximum(squares - mean * mean, 0)))
    return planes


def _contrast_of_luma(picture: Image) -> list[Floats]:
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    ways = (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
    return [
        cv2.morphologyEx(luma, way, np.ones((width, width), np.uint8)) * np.float32(1 / 64)
        for width in (5, 11, 21)
        for way in ways
    ]


def _ridges(share: Floats) -> list[Floats]:
    """Return both curvatures at three widths (Frangi et al., MICCAI 1998): a hair has one."""
    planes = []
    for sigma in (0.8, 1.6, 3.0):
        soft = cv2.GaussianBlur(share, (0, 0), sigma)
        across, down, both = (cv2.Sobel(soft, cv2.CV_32F, *way) for way in ((2, 0), (0, 2), (1, 1)))
        mean, half = (across + down) / 2, (across - down) / 2
        rest = np.sqrt(half * half + both * both)
        planes += [(mean - rest) * np.float32(sigma**2), (mean + rest) * np.float32(sigma**2)]
    return cast(list[Floats], planes)


def _place(share: Floats, near: Surroundings) -> list[Floats]:
    """Return how restless the room is, and where a pixel is as seen from the mask."""
    thin = share - cv2.morphologyEx(share, cv2.MORPH_OPEN, np.ones((_THIN, _THIN), np.uint8))
    room = _weight((near.outside > _AWAY) & (near.outside < 0.4))
    noise = spread(thin[..., None], room, _in_px(near.side, 0.06, 0.2, 1))[..., 0]
    depth = cv2.GaussianBlur((near.outside - near.inside) * np.float32(near.side), (0, 0), 3)
    ways = [cv2.Sobel(depth, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))]
    upward = -ways[1] / np.sqrt(ways[0] ** 2 + ways[1] ** 2 + np.float32(1e-3))
    wide = cv2.GaussianBlur(near.alpha, (0, 0), max(0.5, DEPTH * near.side))
    planes = [noise, near.alpha, cv2.GaussianBlur(near.alpha, (0, 0), 3), wide, upward]
    planes += [near.outside.clip(0, 0.3) * np.float32(4), near.inside.clip(0, 0.1) * np.float32(10)]
    return cast(list[Floats], planes)


def _links(share: Floats, near: Surroundings) -> list[Floats]:
    """Return 1 where a pixel is joined to the mask by pixels like hair, by several rules."""
    thin = cv2.morphologyEx(share, cv2.MORPH_TOPHAT, np.ones((_THIN, _THIN), np.uint8))
    return [
        _weight(find_joined((values > least) & near.band, near.solid))
        for least in _LINKS
        for values in (share, thin)
    ]


def find_joined(some: Flags, solid: Image) -> Flags:
    """Return which of `some` pixels are joined to those of `solid`, and those themselves."""
    count, labels = cv2.connectedComponents((some | (solid > 0)).astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[solid > 0])] = True
    kept[0] = False
    return cast(Flags, kept[labels])


def _neighbors() -> Iterator[tuple[int, int]]:
    for far in _RINGS:
        for across, down in ((1, 0), (0, 1), (1, 1), (1, -1)):
            yield far * across, far * down
            yield -far * across, -far * down


def _shifted(plane: Floats, x: int, y: int) -> Floats:
    return np.roll(plane, (y, x), (0, 1))
