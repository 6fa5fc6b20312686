"""Lag and ghosts of masks over time; definitions: docs/benchmarks/evaluation.md."""

from __future__ import annotations

from collections import deque
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.metrics import BOUNDARY_TOLERANCE, Alpha

MAX_LAG = 12
"""Frames by which a mask may run late and still be measured."""

MAX_LEAD = 2
"""Frames by which a mask may run early: a look-ahead filter can."""

GHOST_MEMORY = 10
"""A ghost stands where the truth was within this many frames."""

_SOFTNESS = 0.02
"""Blur, as a share of the diagonal: wider than a frame's motion, so that errors form a parabola."""

_STILL = 1e-4
"""From one frame to the next the truth must change by this share of its own energy."""


class LagMeter:
    """Finds the delay of the true masks at which they agree best with the given ones.

    Both are blurred; for every whole delay the squared differences are summed over the sequence;
    a parabola through the least sum and its neighbors gives the fraction of a frame.
    """

    def __init__(self) -> None:
        self._truths: deque[Alpha] = deque(maxlen=MAX_LAG + MAX_LEAD + 1)
        self._masks: deque[Alpha] = deque(maxlen=MAX_LEAD + 1)
        self._errors = np.zeros(MAX_LAG + MAX_LEAD + 1)
        self._moved = self._energy = 0.0

    def add(self, mask: Alpha, truth: Alpha) -> None:
        """Take the next frame's mask and truth, float32 (h, w) in [0, 1] of one size for all."""
        self._masks.append(_blurred(mask))
        self._truths.append(_blurred(truth))
        if len(self._truths) < len(self._errors):
            return
        late = list(reversed(self._truths))  # late[i] is the truth i - MAX_LEAD frames before
        self._errors += [_energy(self._masks[0] - truth) for truth in late]
        self._moved += _energy(late[1] - late[0])
        self._energy += _energy(late[0])

    def frames(self) -> float | None:
        """Return the lag in frames.

        A mask that is later than `MAX_LAG` counts as that late. None when the truth moved too
        little to tell, or an empty mask would agree with it as well as the given one.
        """
        best = int(np.argmin(self._errors))
        if self._moved <= _STILL * self._energy or self._errors[best] >= self._energy:
            return None
        return float(best - MAX_LEAD + _vertex(self._errors, best))

    def contrast(self) -> float:
        """Return how many times larger the error of the worst delay is than that of the best."""
        least = float(self._errors.min())
        return float(self._errors.max()) / least if least else 1.0


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


def _blurred(values: Alpha) -> Alpha:
    """Return `values` at a quarter of the size, blurred: the blur hides the lost detail."""
    size = (max(1, values.shape[1] // 4), max(1, values.shape[0] // 4))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    sigma = max(0.5, _SOFTNESS * float(np.hypot(*small.shape)))
    border = cv2.BORDER_REPLICATE
    return cast(Alpha, cv2.GaussianBlur(small, (0, 0), sigma, borderType=border))


def _energy(values: Alpha) -> float:
    return float(np.vdot(values, values)) / values.size


def _vertex(errors: NDArray[np.float64], best: int) -> float:
    """Return where a parabola through the least error is lowest, from it, in [-0.5, 0.5]."""
    if not 0 < best < len(errors) - 1:
        return 0.0
    before, least, after = errors[best - 1 : best + 2].tolist()
    bend = before - 2 * least + after
    return 0.5 * (before - after) / bend if bend > 0 else 0.0
