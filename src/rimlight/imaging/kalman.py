"""Where boxes are going: a constant-velocity Kalman filter for many boxes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

_DRIFT = 0.05
"""How unsteady the speed is, as a share of the box's size for each frame."""
_NOISE = 0.05
"""How unsteady a measured box is, as a share of its size."""


class BoxFilter:
    """Follows one box: position and speed of each of its four sides, filtered by themselves.

    R. E. Kalman, A New Approach to Linear Filtering and Prediction Problems (1960), for the
    state (value, speed) of each side.

    Args:
        box: left, top, right, bottom, in any unit.
    """

    def __init__(self, box: Boxes) -> None:
        size = _size(box)
        self._state = np.stack([box.astype(np.float64), np.zeros(4)])
        self._spread = np.diag([(_NOISE * size) ** 2, (2 * _NOISE * size) ** 2])

    @property
    def box(self) -> Boxes:
        """The box as it is believed to be, float64 (4,)."""
        box: Boxes = self._state[0]
        return box

    def predict(self) -> None:
        """Go on by one frame."""
        step = np.array([[1.0, 1.0], [0.0, 1.0]])
        drift = (_DRIFT * _size(self.box)) ** 2
        self._state = step @ self._state
        self._spread = step @ self._spread @ step.T + drift * np.array([[0.25, 0.5], [0.5, 1.0]])

    def correct(self, box: Boxes) -> None:
        """Take in a measured box."""
        noise = (_NOISE * _size(box)) ** 2
        gain = self._spread[:, 0] / (self._spread[0, 0] + noise)
        self._state = self._state + np.outer(gain, box - self._state[0])
        self._spread = self._spread - np.outer(gain, self._spread[0])


def overlaps(one: Boxes, other: Boxes) -> Boxes:
    """Return the intersection over union of each pair, (n, m), for boxes (n, 4) and (m, 4)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1) for b in (one, other)]
    either = areas[0][:, None] + areas[1][None] - both
    return np.asarray(both / np.maximum(either, 1e-12))


def _size(box: Boxes) -> float:
    return float(max(box[2] - box[0], box[3] - box[1], 1e-6))
