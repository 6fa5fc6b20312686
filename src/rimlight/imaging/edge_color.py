"""Edge colors of a cut-out: decontamination, and light wrap from the new background."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.blur import downscale
from rimlight.imaging.color import round_up_to_even, split_planes
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Edges, Image, composite_i420, upscale_mask

SURE = 0.9
"""From this alpha on a pixel shows nothing but the foreground."""
_NEAR_PX, _FAR_PX = 2.0, 8.0
"""How far colors are spread, in pixels of the mask: first choice, and where that is too short."""
_FAINT = 0.02
_DEEP = (1.0, 1.4)
"""Beyond alpha 1: where models are sure, a pixel or two of the room are left all the same."""
_MOST = (0.9, 0.97)
"""Scores that the deep band does not go beyond: few masks reach 1 everywhere."""
_HIDDEN, _SOLID = 0.35, 0.6
"""Where in the soft edge nothing of the picture itself is left, and where all: opacities of 28 and
65 %."""
_SHORT = 1e-3
"""What one constant color weighs in `spread`: it takes over within 20 pixels of the mask."""
_SMALL_PX = 512
"""Longer side of the small picture in which colors are spread."""
_BLACK = (16.0, 128.0, 128.0)
"""Of the planes of I420."""

Floats = NDArray[np.float32]
_HIDDEN_SMALL_PX = 160
"""Longer side of the small picture in which colors are spread."""
_HIDDEN_SHORT = 0.02
"""What the constant color weighs in `spread`: it takes over within 6 of the small pixels."""
_WIDE, _NARROW = 91, 7
"""Sides of the two averaging windows, in pixels of a picture 1000 pixels wide."""
_NOTHING = 1e-5
_LEAST_TOLD = np.float32(0.25)
"""A share up to which a pixel's color is left out; from twice as much on it counts in full."""


def decontaminate_edges(
    front: Image, mask: Image, edges: Edges, dst: Image, *, deep: bool = False
) -> Image:
    """Return I420 `front` with the old background's colors taken out of its soft edge.

    Where the mask is between, a pixel mixes both; what shows through is replaced by the colors
    of the sure foreground near it (the idea of Germer et al., "Fast multi-level foreground
    estimation", ICPR 2020, reduced to one level: means of sure pixels, weighted by distance).

    Args:
        front: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), any size, covering the picture.
        edges: (low, high) of the mask's smooth step.
        dst: takes the result; the shape of `front`, and not `front`.
        deep: reach into the sure part too, for backgrounds of quite another color.
    """
    band, least = _band(edges, deep=deep)
    return composite_i420(front, _pure(front, mask, edges, least, deep=deep), mask, band, dst)


def fill_hidden(front: Image, mask: Image, edges: Edges, dst: Image) -> Image:
    """Return I420 `front` with the foreground's own colors where the mask hides nearly all.

    What a cut-out hides is written all the same, and players that leave the alpha out show it.
    Near the foreground its colors go on, further away they are one constant color.

    Args:
        front: uint8 (rows*3/2, columns).
        mask: uint8 (h, w), any size, covering the picture.
        edges: (low, high) of the mask's smooth step.
        dst: takes the result; the shape of `front`, and not `front`.
    """
    least = _band(edges, deep=True)[1]
    return composite_i420(
        front, _pure(front, mask, edges, least, deep=True), mask, _faint(edges), dst
    )


def decontaminate_edges_bgr(front: Image, mask: Image, edges: Edges) -> Image:
    """Decontaminate edges of uint8 (h, w, 3) BGR in depth; return a new image."""
    return _over_pure_bgr(front, mask, edges, _band(edges, deep=True)[0])


def fill_hidden_bgr(front: Image, mask: Image, edges: Edges) -> Image:
    """Do what `fill_hidden` does, for uint8 (h, w, 3) BGR; return a new picture."""
    return _over_pure_bgr(front, mask, edges, _faint(edges))


def _over_pure_bgr(front: Image, mask: Image, edges: Edges, band: Edges) -> Image:
    whole = front.shape[1], front.shape[0]
    few = _few(mask)
    sure = (few >= _band(edges, deep=True)[1]).astype(np.float32)
    small = np.asarray(cv2.resize(front, (few.shape[1], few.shape[0])), np.float32)
    solid = _solid(few, edges)
    channels = (small[..., channel] for channel in range(3))
    pure = cv2.merge(
        [extrapolate(c, sure, _rest(c, sure, solid, 0.0), last=_SHORT) for c in channels]
    )
    alpha = upscale_mask(mask, whole, band)
    return composite_bgr(front, cast(Image, cv2.resize(pure, whole)), alpha)


def _pure(front: Image, mask: Image, edges: Edges, least: float, *, deep: bool) -> Image:
    """Return a small I420 picture of the foreground's colors, spread over what is around it."""
    few = _few(mask)
    size = round_up_to_even((few.shape[1], few.shape[0]))
    whole_sure, whole_solid = (few >= least).astype(np.float32), _solid(few, edges)
    small = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for plane, out, black in zip(split_planes(front), split_planes(small), _BLACK, strict=True):
        shape = (out.shape[1], out.shape[0])
        values = cv2.resize(plane, shape).astype(np.float32)
        sure, solid = _resized(whole_sure, shape), _resized(whole_solid, shape)
        if deep:
            out[...] = extrapolate(values, sure, _rest(values, sure, solid, black), last=_SHORT)
        else:
            out[...] = extrapolate(values, sure, values)
    return small


def _few(mask: Image) -> Image:
    """Return a mask that is no larger than colors need to be spread."""
    factor = _SMALL_PX / max(mask.shape)
    if factor >= 1:
        return mask
    size = max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor))
    return cast(Image, cv2.resize(mask, size, interpolation=cv2.INTER_AREA))


def _solid(mask: Image, edges: Edges) -> NDArray[np.float32]:
    """Return how much of a mask's pixels is the foreground's: 0 where it hides nearly all."""
    low, high = 255 * _share(edges, _HIDDEN), 255 * _share(edges, _SOLID)
    share = (mask.astype(np.float32) - np.float32(low)) * np.float32(1 / (high - low))
    return np.clip(share, np.float32(0), np.float32(1), out=share)


def _rest(
    values: NDArray[np.float32],
    sure: NDArray[np.float32],
    solid: NDArray[np.float32],
    empty: float,
) -> NDArray[np.float32]:
    """Return what `spread` takes far from sure pixels: solid ones as they are, else one color."""
    flat = next((compute_weighted_mean(values, w) for w in (sure, solid) if w.any()), empty)
    return np.float32(flat) + solid * (values - np.float32(flat))


def compute_weighted_mean(values: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    """Return the mean of `values`, each as much as its `weight`, which is not 0 everywhere."""
    return float((values * weight).sum(dtype=np.float64) / weight.sum(dtype=np.float64))


def apply_light_wrap(front: Image, back: Image, mask: Image, strength: float, dst: Image) -> Image:
    """Return I420 `front` with the light of the blurred `back` on its edge (light wrap).

    Args:
        front: uint8 (rows*3/2, columns).
        back: I420, of any even size.
        mask: uint8 (h, w), any size, covering the picture.
        strength: in [0, 1]; how much of the light is seen where the foreground ends.
        dst: takes the result; the shape of `front`, and not `front`.
    """
    size = round_up_to_even((max(2, mask.shape[1] // 4), max(2, mask.shape[0] // 4)))
    light = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for plane, out in zip(split_planes(back), split_planes(light), strict=True):
        small = cv2.resize(plane, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_AREA)
        out[...] = cv2.blur(small, (3, 3))
    depth = cv2.GaussianBlur(mask, (0, 0), _NEAR_PX)
    # Half of the blurred mask lies inside: 127 at the edge, 255 where no light comes through.
    inside = cv2.convertScaleAbs(depth, alpha=2 * strength, beta=255 - 510 * strength)
    return composite_i420(front, light, cast(Image, inside), (0.0, 1.0), dst)


def extrapolate(
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    rest: NDArray[np.float32],
    *,
    last: float = _FAINT**3,
) -> Image:
    """Return uint8 (h, w): `values` where `weight` is 1, their nearby means where it is 0.

    Args:
        values: float32 (h, w) in 0..255.
        weight: float32 (h, w) in [0, 1].
        rest: float32 (h, w), what stands where there is no weight in reach.
        last: what `rest` weighs: the more, the shorter the reach.
    """
    weighted = values * weight
    total, count = rest * np.float32(last), np.full_like(values, last)
    for sigma, trust in ((_FAR_PX, _FAINT), (_NEAR_PX, 1.0)):
        total += np.float32(trust) * cv2.GaussianBlur(weighted, (0, 0), sigma)
        count += np.float32(trust) * cv2.GaussianBlur(weight, (0, 0), sigma)
    means = total / count
    return cast(Image, np.rint(means + weight * (values - means)).astype(np.uint8))


def _resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.resize(values, size))


def _band(edges: Edges, *, deep: bool) -> tuple[Edges, float]:
    """Return between which scores pixels get their own colors back, and the least sure level."""
    if deep:
        low, high = (min(_share(edges, at), most) for at, most in zip(_DEEP, _MOST, strict=True))
        return (low, high), 255 * high
    return (_share(edges, 0.5), _share(edges, 1.0)), 255 * _share(edges, SURE)


def _faint(edges: Edges) -> Edges:
    """Return between which scores a picture passes into its own colors where it is hidden."""
    return _share(edges, _HIDDEN), _share(edges, _SOLID)


def _share(edges: Edges, alpha: float) -> float:
    return edges[0] + alpha * (edges[1] - edges[0])


def fill_transparent_bgr(bgr: Image, alpha: Image) -> Image:
    """Return a picture with nothing of its own where it is wholly transparent.

    Args:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w).
    """
    height, width = alpha.shape
    back = _continued(bgr, alpha, _small((width, height)), 0.0)
    large = cast(Image, cv2.resize(back, (width, height), interpolation=cv2.INTER_LINEAR))
    return cast(Image, cv2.copyTo(bgr, alpha, large))


def fill_transparent_i420(i420: Image, alpha: Image) -> Image:
    """Do what `fill_transparent_bgr` does for uint8 (rows*3/2, columns) I420."""
    out = np.empty_like(i420)
    down, right = i420.shape[0] * 2 // 3 - alpha.shape[0], i420.shape[1] - alpha.shape[1]
    full = np.asarray(cv2.copyMakeBorder(alpha, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    half = np.maximum(full[::2], full[1::2])
    half = np.ascontiguousarray(np.maximum(half[:, ::2], half[:, 1::2]))
    small = round_up_to_even(_small((i420.shape[1], full.shape[0])))
    for plane, target, black in zip(split_planes(i420), split_planes(out), _BLACK, strict=True):
        seen = full if plane.shape == full.shape else half
        back = _continued(plane, seen, small, black)
        large = cv2.resize(back, (plane.shape[1], plane.shape[0]), interpolation=cv2.INTER_LINEAR)
        target[...] = cv2.copyTo(plane, seen, large)
    return out


def _small(size: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, _HIDDEN_SMALL_PX / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _continued(picture: Image, alpha: Image, size: tuple[int, int], empty: float) -> Image:
    """Return a small picture (h, w) or (h, w, 3) of what is seen, spread over what is hidden."""
    seen = cv2.copyTo(picture, alpha)
    cover = downscale(_seen(alpha), size).astype(np.float32)
    weight = downscale(alpha, size).astype(np.float32) * np.float32(1 / 255)
    small = downscale(cast(Image, seen), size).astype(np.float32)
    channels = [small[..., c] for c in range(small.shape[2])] if small.ndim == 3 else [small]
    values = [
        np.divide(c * np.float32(255), cover, out=c.copy(), where=cover > 0) for c in channels
    ]
    return cast(Image, cv2.merge([_spread_far(v.clip(0, 255), weight, empty) for v in values]))


def _seen(alpha: Image) -> Image:
    """Return 255 where anything is seen, else 0."""
    return np.where(alpha > 0, np.uint8(255), np.uint8(0))


def _spread_far(values: Floats, weight: Floats, empty: float) -> Image:
    flat = compute_weighted_mean(values, weight) if weight.any() else empty
    return extrapolate(values, weight, np.full_like(values, flat), last=_HIDDEN_SHORT)


def estimate_foreground(bgr: Image, alpha: Image) -> Image:
    """Estimate the pure foreground color of every pixel.

    Blur-fusion foreground estimation, two passes: M. Forte, "Approximate Fast Foreground Color
    Estimation", ICIP 2021. A pixel's foreground is first taken for the average of the foreground
    around it, then moved so that it mixes with the background around it to the pixel's own color.

    Args:
        bgr: uint8 (height, width, 3).
        alpha: uint8 (height, width), how much of each pixel is in front.

    Returns:
        A new uint8 (height, width, 3); black far from anything in front. A pixel that is in front
        by a quarter or less says nothing: it holds what is behind.
    """
    image = np.divide(bgr, np.float32(255), dtype=np.float32)
    share = np.divide(alpha, np.float32(255), dtype=np.float32)[..., None]
    told = np.clip((share - _LEAST_TOLD) / _LEAST_TOLD, 0, 1) * share
    scale = bgr.shape[1] / 1000
    front, back = image, image
    for window in (_WIDE, _NARROW):
        side = max(3, round(window * scale) | 1)
        front, back = _fused(image, (front, back), share, told, side)
    return np.rint(front * np.float32(255)).astype(np.uint8)


def _fused(
    image: Floats, planes: tuple[Floats, Floats], share: Floats, told: Floats, side: int
) -> tuple[Floats, Floats]:
    """Return better estimates of foreground and background, float32 (h, w, 3) in [0, 1].

    `told` is `share` where a pixel says something of the foreground, and falls to 0 elsewhere.
    """
    mean_front = _weighted_mean(planes[0], told, side)
    mean_back = _weighted_mean(planes[1], 1 - share, side)
    rest = image - share * mean_front - (1 - share) * mean_back
    return np.clip(mean_front + told * rest, 0, 1), mean_back


def _weighted_mean(values: Floats, weights: Floats, side: int) -> Floats:
    window = (side, side)
    weighted = cv2.blur(values * weights, window)
    total = cv2.blur(weights, window)[..., None]
    return cast(Floats, weighted / (total + np.float32(_NOTHING)))
