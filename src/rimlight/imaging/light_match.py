"""Gives the person the brightness and the tint of the light of a new background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import ColorSpace, bgr_to_i420, i420_to_bgr, split_planes

Image = NDArray[np.uint8]

_SMALL = (64, 36)
_NORM = 6
"""Minkowski norm of the estimate of the light ("shades of gray": Finlayson and Trezzi, CIC
2004)."""
_GAMMA = (0.6, 1.7)
_TINT = 0.12
"""Most that a channel of the light may gain or lose; more looks like a filter."""
_PARTLY = 0.5
"""Share of the way to the light of the background at full strength: faces stay believable."""
_SURE = 200
_LEVEL = 160
"""A gray by whose tint the shift of the chroma is computed."""


@dataclass(frozen=True, slots=True)
class Light:
    """The light in a picture.

    Attributes:
        level: mean luma, 0..1.
        tint: blue, green and red of the light; their mean is 1.
    """

    level: float
    tint: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LightChange:
    """What makes one light of another.

    Attributes:
        gamma: exponent of the luma.
        tint: gains of blue, green and red.
    """

    gamma: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def approach(self, goal: LightChange, share: float) -> LightChange:
        """Return a change between this one (0) and `goal` (1)."""
        pairs = zip(self.tint, goal.tint, strict=True)
        blue, green, red = (ours + share * (theirs - ours) for ours, theirs in pairs)
        gamma = self.gamma + share * (goal.gamma - self.gamma)
        return LightChange(gamma, (blue, green, red))


def measure_light(i420: Image, color: ColorSpace, mask: Image | None = None) -> Light | None:
    """Measure the light in an I420 picture, on a small copy.

    Args:
        i420: uint8 (rows*3/2, columns).
        color: of the picture.
        mask: uint8 (h, w), any size: the luma is that of the sure foreground alone.

    Returns:
        None where the foreground is too small.
    """
    planes = split_planes(i420)
    small = np.empty((_SMALL[1] * 3 // 2, _SMALL[0]), np.uint8)
    for plane, out in zip(planes, split_planes(small), strict=True):
        size = out.shape[1], out.shape[0]
        cv2.resize(plane, size, dst=out, interpolation=cv2.INTER_NEAREST)
    bgr = i420_to_bgr(small, color).astype(np.float32) / 255
    light = (bgr**_NORM).mean(axis=(0, 1)) ** (1 / _NORM) + 1e-3
    blue, green, red = (light / light.mean()).tolist()
    luma = bgr @ np.array([0.114, 0.587, 0.299], np.float32)
    if mask is not None:
        sure = cv2.resize(mask, _SMALL, interpolation=cv2.INTER_NEAREST) >= _SURE
        if sure.mean() < 0.01:
            return None
        luma = luma[sure]
    return Light(float(luma.mean()), (blue, green, red))


def compare_lights(person: Light, background: Light, strength: float) -> LightChange:
    """Return what brings a person in one light nearer to another.

    Args:
        person: the light of the room, and the level of the person in it.
        background: the light to match.
        strength: 0..1.
    """
    share = _PARTLY * strength
    ours, theirs = (min(max(light.level, 0.04), 0.96) for light in (person, background))
    goal = ours + share * (theirs - ours)
    gamma = min(max(float(np.log(goal) / np.log(ours)), _GAMMA[0]), _GAMMA[1])
    gains = (
        min(max((b / p) ** share, 1 - _TINT), 1 + _TINT)
        for p, b in zip(person.tint, background.tint, strict=True)
    )
    blue, green, red = gains
    return LightChange(gamma, (blue, green, red))


def apply_light(i420: Image, change: LightChange, color: ColorSpace, dst: Image) -> Image:
    """Write I420 in another light into `dst`; return `dst`.

    Luma goes through a gamma curve; chroma is shifted in proportion to the luma, so that black
    stays black.

    Args:
        i420: uint8 (rows*3/2, columns).
        change: the other light.
        color: of the picture.
        dst: the same shape.
    """
    black, span = (0, 255) if color.full_range else (16, 219)
    levels = np.clip((np.arange(256, dtype=np.float32) - black) / span, 0, 1)
    curve = np.rint(black + span * levels**change.gamma).astype(np.uint8)
    luma, *chroma = split_planes(i420)
    target, *targets = split_planes(dst)
    cv2.LUT(luma, curve, dst=target)
    half = cv2.resize(
        luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_NEAREST
    )
    slopes = _compute_tint_slopes(change.tint, color)
    for plane, slope, out in zip(chroma, slopes, targets, strict=True):
        cv2.addWeighted(plane, 1.0, half, slope, -slope * black, dst=out)
    return dst


def _compute_tint_slopes(
    tint: tuple[float, float, float], color: ColorSpace
) -> tuple[float, float]:
    """Return how far U and V of a gray in that light are from those of a gray, per luma level."""
    gray = np.full((2, 2, 3), _LEVEL, np.float32)
    tinted = np.clip(gray * np.array(tint, np.float32), 0, 255).astype(np.uint8)
    plain = split_planes(bgr_to_i420(gray.astype(np.uint8), color))
    shifted = split_planes(bgr_to_i420(tinted, color))
    blue, red = (
        (float(after[0, 0]) - float(before[0, 0])) / _LEVEL
        for before, after in zip(plain[1:], shifted[1:], strict=True)
    )
    return blue, red
