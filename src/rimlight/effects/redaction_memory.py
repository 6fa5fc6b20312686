"""What a redaction found a moment ago, which stays covered when the model misses it."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import is_continuous

Image = NDArray[np.uint8]
Reals = NDArray[np.float64]
Places = NDArray[np.intp]

PARTIAL_SHARE = 0.5
"""A region of which less than this is found is found in part: nobody shrinks so fast."""


class RedactionMemory:
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
        self._area: Reals = np.zeros(0)
        self._since: Reals = np.zeros(0)

    def update(self, found: Image, at: Fraction) -> Image:
        """Take in one frame.

        Args:
            found: uint8 (h, w), not 0 where something is found that must be covered.
            at: when, in seconds.

        Returns:
            uint8 (h, w): for how many frames each pixel stays covered, this one included.
        """
        if self._left.shape != found.shape or not is_continuous(self._at, at):
            self._left = np.zeros_like(found)
            self._area, self._since = np.zeros(found.size), np.zeros(found.size)
        self._at = at
        _, labels = cv2.connectedComponents(cv2.max(self._left, found))
        some = np.flatnonzero(labels)
        now = found.reshape(-1)[some] > 0
        pieces = labels.reshape(-1)[some].astype(np.intp)
        held, area, since = self._pieces(some, pieces, now, float(at))
        left = self._left.reshape(-1) - (self._left.reshape(-1) > 0)
        left[some[held]] = self._left.reshape(-1)[some[held]]
        left[some[now]] = self._frames + 1
        self._area[some[now]], self._since[some[now]] = area[now], since[now]
        self._left = left.reshape(found.shape)
        return self._left

    def reset(self) -> None:
        """Cover nothing but what is found from now on."""
        self._left = np.zeros((0, 0), np.uint8)

    def _pieces(
        self, some: Places, pieces: Places, now: NDArray[np.bool_], at_s: float
    ) -> tuple[NDArray[np.bool_], Reals, Reals]:
        """Return which pixels are held, and how large and when each pixel's region was whole.

        Args:
            some: the pixels that are looked at: all that are found or stay covered.
            pieces: the number of the connected piece, from 1, that each belongs to.
            now: whether each is found now.
            at_s: the time.
        """
        count = int(pieces.max(initial=0)) + 1
        found = np.bincount(pieces[now], minlength=count).astype(np.float64)
        area, since = self._area[some], self._since[some]
        known = (self._left.reshape(-1)[some] > 0) & (since >= at_s - self._hold_s)
        whole, when = np.zeros(count), np.zeros(count)
        np.maximum.at(whole, pieces[known], area[known])
        largest = known & (area == whole[pieces])
        np.maximum.at(when, pieces[largest], since[largest])
        in_part = (found > 0) & (found < PARTIAL_SHARE * whole)
        when, whole = np.where(in_part, when, at_s), np.where(in_part, whole, found)
        return in_part[pieces], whole[pieces], when[pieces]
