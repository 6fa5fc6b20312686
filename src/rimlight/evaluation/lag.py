"""How far masks run behind what they should show: lag and ghosts. See docs/evaluation.md."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.evaluation.metrics import BOUNDARY_TOLERANCE, Alpha

MAX_LAG = 12
"""Frames by which a mask may run late and still be measured."""

MAX_LEAD = 2
"""Frames by which a mask may run early: a look-ahead filter can."""

GHOST_MEMORY = 10
"""A ghost stands where the truth was within this many frames."""

_STILL = 1e-4  # the truth must change by this mean square share of a frame to show a lag


class LagMeter:
    """Finds the delay at which a sequence of true masks explains the given masks best.

    For every whole delay the true masks of two neighbouring moments are mixed in the proportion
    that leaves the least squared difference to the given masks, summed over the sequence; the
    delay with the least rest wins and the proportion is its fraction. Unlike a parabola through
    three errors this is exact for a mask that moves at an even pace.
    """

    def __init__(self) -> None:
        self._truths: deque[Alpha] = deque(maxlen=MAX_LAG + MAX_LEAD + 1)
        self._masks: deque[Alpha] = deque(maxlen=MAX_LEAD + 1)
        steps = MAX_LAG + MAX_LEAD
        self._rest = np.zeros(steps)
        self._along = np.zeros(steps)
        self._length = np.zeros(steps)
        self._count = 0

    def add(self, mask: Alpha, truth: Alpha) -> None:
        """Take the next frame's mask and truth, float32 (h, w) in [0, 1] of one size for all."""
        self._masks.append(mask)
        self._truths.append(truth)
        if len(self._truths) < MAX_LAG + MAX_LEAD + 1:
            return
        self._count += 1
        late = list(reversed(self._truths))  # late[i] is the truth i - MAX_LEAD frames before
        for step, (newer, older) in enumerate(pairwise(late)):
            self._compare(step, self._masks[0] - newer, older - newer)

    def frames(self) -> float | None:
        """Return the lag in frames; None when the truth moved too little to tell."""
        moved = self._length > _STILL * max(self._count, 1)
        if not moved.all():
            return None
        share = np.clip(self._along / self._length, 0, 1)
        rest = self._rest - 2 * share * self._along + share**2 * self._length
        best = int(np.argmin(rest))
        return float(best - MAX_LEAD + share[best])

    def _compare(self, step: int, off: NDArray[np.float32], move: NDArray[np.float32]) -> None:
        self._rest[step] += np.mean(off * off, dtype=np.float64)
        self._along[step] += np.mean(off * move, dtype=np.float64)
        self._length[step] += np.mean(move * move, dtype=np.float64)


class GhostMeter:
    """Measures the mask that stays behind where the true one has left."""

    def __init__(self) -> None:
        self._truths: deque[NDArray[np.uint8]] = deque(maxlen=GHOST_MEMORY)
        self._ghost = 0.0
        self._person = 0.0

    def add(self, mask: Alpha, truth: Alpha) -> None:
        """Take the next frame's mask and truth, float32 (h, w) in [0, 1] of one size for all."""
        solid = (truth >= 0.5).astype(np.uint8)
        if self._truths:
            left = np.maximum.reduce(list(self._truths)) > _grown(solid)
            self._ghost += float(mask[left].sum(dtype=np.float64))
            self._person += float(solid.sum(dtype=np.float64))
        self._truths.append(solid)

    def share(self) -> float | None:
        """Return the ghosts' area as a share of the true area; None when nothing was true."""
        return self._ghost / self._person if self._person else None


def _grown(solid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `solid` grown by the boundary tolerance: a blurred edge is no ghost."""
    reach = max(1, round(BOUNDARY_TOLERANCE * float(np.hypot(*solid.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(solid, disc).astype(np.uint8)
