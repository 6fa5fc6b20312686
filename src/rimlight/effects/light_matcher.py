"""Keeps the person in the light of a background while both change."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, is_continuous
from rimlight.imaging.light_match import (
    Light,
    LightChange,
    apply_light,
    compare_lights,
    measure_light,
)

Image = NDArray[np.uint8]

_FOLLOW_S = 1.5
"""Time constant with which the person's light follows."""


class LightMatcher:
    """Brings the person into the light of the background; follows changes slowly.

    Args:
        strength: 0..1.
    """

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._change: LightChange | None = None
        self._pts = Fraction(0)
        self._back: Image | None = None
        self._back_light: Light | None = None

    def match(self, frame: Frame, back: Image, alpha: Image, dst: Image) -> Image:
        """Write the I420 image of `frame` in the light of I420 `back` into `dst`; return `dst`."""
        if back is not self._back or self._back_light is None:
            self._back, self._back_light = back, measure_light(back, frame.color)
        ours = measure_light(frame.i420, frame.color, alpha)
        if ours is not None and self._back_light is not None:
            goal = compare_lights(ours, self._back_light, self._strength)
            self._change = self._approach(goal, frame.pts)
        self._pts = frame.pts
        return apply_light(frame.i420, self._change or LightChange(), frame.color, dst)

    def _approach(self, goal: LightChange, pts: Fraction) -> LightChange:
        """Return the change for this frame; a frame after a cut gets its own at once."""
        if self._change is None or not is_continuous(self._pts, pts):
            return goal
        return self._change.approach(goal, 1 - math.exp(-float(pts - self._pts) / _FOLLOW_S))
