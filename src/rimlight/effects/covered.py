"""What stays covered after a model lost sight of it, or of a part of it."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Reals = NDArray[np.float64]

MAX_GAP_S = 1
"""From this step in time on it is a cut, or another picture: what was covered is forgotten."""
PART = 0.5
"""A region of which less than this is found is found in part: nobody shrinks so fast."""


class CoverMemory:
    """Remembers what was found, pixel by pixel.

    Everything found stays covered for some frames. A region that was found whole and of which only
    a part is found now stays covered as a whole for longer: models that know somebody at once lose
    the back of a head or a coat, and find them again.

    Args:
        frames: how long a region stays covered of which nothing is found any more.
        hold_s: how long after it was found whole a region stays covered of which a part is found.
    """

    def __init__(self, *, frames: int, hold_s: float) -> None:
        self._frames = frames
        self._hold_s = hold_s
        self._at = Fraction(0)
        self._left: Image = np.zeros((0, 0), np.uint8)
        # How large the region was, in pixels, that a pixel belonged to, and when it was whole.
        self._area: Reals = np.zeros((0, 0))
        self._since: Reals = np.zeros((0, 0))

    def add(self, found: Image, at: Fraction) -> Image:
        """Take in one frame.

        Args:
            found: uint8 (h, w), not 0 where something is found that must be covered.
            at: when, in seconds.

        Returns:
            uint8 (h, w): for how many frames each pixel stays covered, this one included.
        """
        if self._left.shape != found.shape or not 0 < at - self._at < MAX_GAP_S:
            self._left = np.zeros_like(found)
            self._area, self._since = np.zeros(found.shape), np.zeros(found.shape)
        self._at = at
        now = found > 0
        held, area, since = self._pieces(now, float(at))
        fewer = self._left - np.minimum(self._left, np.uint8(1))
        left = np.where(held, self._left, fewer)
        left[now] = self._frames + 1
        self._area[now], self._since[now] = area[now], since[now]
        self._left = left
        return left

    def forget(self) -> None:
        """Cover nothing but what is found from now on."""
        self._left = np.zeros((0, 0), np.uint8)

    def _pieces(
        self, now: NDArray[np.bool_], at_s: float
    ) -> tuple[NDArray[np.bool_], Reals, Reals]:
        """Return which pixels are held, and how large and when each pixel's region was whole."""
        known = self._left > 0
        count, labels = cv2.connectedComponents((known | now).astype(np.uint8))
        pieces = labels.astype(np.intp)
        found = np.bincount(pieces[now], minlength=count).astype(np.float64)
        known &= self._since >= at_s - self._hold_s
        whole, when = np.zeros(count), np.zeros(count)
        np.maximum.at(whole, pieces[known], self._area[known])
        largest = known & (self._area == whole[pieces])
        np.maximum.at(when, pieces[largest], self._since[largest])
        in_part = (found > 0) & (found < PART * whole)
        when, whole = np.where(in_part, when, at_s), np.where(in_part, whole, found)
        return in_part[pieces], whole[pieces], when[pieces]
