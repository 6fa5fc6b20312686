"""The same number for the same object, from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Instances, Mask, is_continuous
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging.geometry import compute_iou

Boxes = NDArray[np.float64]
_DRIFT = 0.05
"""How unsteady the speed is, as a share of the box's size for each frame."""
_NOISE = 0.05
"""How unsteady a measured box is, as a share of its size."""


@dataclass
class _Track:
    """One object that is followed."""

    id: int
    class_id: int
    filter: BoxFilter
    missed: int = 0


class TrackRefiner(RefinerTraits):
    """Numbers the single objects of a mask; masks without any pass unchanged.

    Each object's box is predicted by a Kalman filter, and the pairs of prediction and found box of
    one class that overlap most are the same object: the scheme of SORT (Bewley et al., ICIP 2016),
    with pairs taken greedily. An object that is not seen keeps its number for a while. Numbers
    start at 1, rise, and are never used again.
    """

    stateful = True

    class Options(opt.Options):
        """How long and how loosely objects are followed."""

        max_age: Annotated[
            int,
            Field(ge=0, le=1000, description="frames that an undetected object keeps its number"),
        ] = 30
        iou_threshold: Annotated[
            float,
            Field(gt=0, lt=1, description="minimum IoU of the predicted and the detected box"),
        ] = 0.25

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tracks: list[_Track] = []
        self._next = 1
        self._pts: Fraction | None = None

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with its objects numbered."""
        if mask.instances is None:
            return mask
        if self._pts is None or not is_continuous(self._pts, frame.pts):
            self._tracks = []
        self._pts = frame.pts
        return replace(mask, instances=mask.instances.with_ids(self._numbered(mask.instances)))

    def close(self) -> None:
        """Forget all objects."""
        self._tracks = []

    def _numbered(self, found: Instances) -> NDArray[np.int64]:
        for track in self._tracks:
            track.filter.predict()
            track.missed += 1
        boxes = found.boxes.astype(np.float64)
        ids = np.zeros(len(found), np.int64)
        for track, number in self._pairs(boxes, found.class_ids):
            track.filter.correct(boxes[number])
            track.missed = 0
            ids[number] = track.id
        self._tracks = [t for t in self._tracks if t.missed <= self._options.max_age]
        for number in map(int, np.flatnonzero(ids == 0)):
            ids[number] = self._next
            class_id = int(found.class_ids[number])
            self._tracks.append(_Track(self._next, class_id, BoxFilter(boxes[number])))
            self._next += 1
        return ids

    def _pairs(
        self, boxes: NDArray[np.float64], class_ids: NDArray[np.intp]
    ) -> list[tuple[_Track, int]]:
        """Return which track is which found box, the closest pairs first, each used once."""
        if not self._tracks or not len(boxes):
            return []
        expected = np.array([track.filter.box for track in self._tracks])
        same = np.array([track.class_id for track in self._tracks])[:, None] == class_ids[None]
        shared = np.where(same, compute_iou(expected, boxes), 0.0)
        pairs: list[tuple[_Track, int]] = []
        while shared.max() >= self._options.iou_threshold:
            row, column = np.unravel_index(int(shared.argmax()), shared.shape)
            pairs.append((self._tracks[row], int(column)))
            shared[row, :], shared[:, column] = 0, 0
        return pairs


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


def _size(box: Boxes) -> float:
    return float(max(box[2] - box[0], box[3] - box[1], 1e-6))
