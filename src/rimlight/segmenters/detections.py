"""Detections: boxes with classes and scores, decoded from the tensors of detectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.geometry import Rect

Floats = NDArray[np.float32]

NESTED_SHARE = 0.7
"""A box of which this much lies in a box of higher score is the same object, seen in another tile
or in part."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of one frame.

    Attributes:
        boxes: float32 (n, 4): left, top, right, bottom; the unit is the maker's.
        scores: float32 (n,) in [0, 1].
        class_ids: intp (n,).
    """

    boxes: Floats
    scores: Floats
    class_ids: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: NDArray[Any]) -> Detections:
        """Return the detections at an index or where a mask is True."""
        return Detections(self.boxes[index], self.scores[index], self.class_ids[index])

    def map_boxes(self, scale: Sequence[float], shift: Sequence[float]) -> Detections:
        """Return the detections with x and y multiplied by `scale`, then moved by `shift`."""
        boxes = self.boxes * np.array([*scale, *scale]) + np.array([*shift, *shift])
        return Detections(boxes.astype(np.float32), self.scores, self.class_ids)


def make_empty_detections() -> Detections:
    """Return no detections."""
    return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))


def concat_detections(parts: Iterable[Detections]) -> Detections:
    """Return the detections of several views in one unit as one set."""
    every = [make_empty_detections(), *parts]
    return Detections(
        np.concatenate([part.boxes for part in every]),
        np.concatenate([part.scores for part in every]),
        np.concatenate([part.class_ids for part in every]),
    )


def drop_letterbox(found: Detections, place: Rect, size: tuple[int, int]) -> Detections:
    """Return boxes as shares of the frame that lies at `place` (pixels) in an input of `size`."""
    scale = size[0] / place.width, size[1] / place.height
    return found.map_boxes(scale, (-place.left / place.width, -place.top / place.height))


def suppress_duplicates(found: Detections, *, iou_threshold: float, limit: int) -> Detections:
    """Return the detections after non-maximum suppression within each class, by falling score.

    A box that lies mostly within a surer one counts as its duplicate, whatever its IoU: views at
    several scales see the same object whole and in part.

    Args:
        found: with boxes in any unit.
        iou_threshold: of two boxes with a higher IoU, the surer one is kept.
        limit: maximum number of boxes.
    """
    left = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    while len(left) and len(kept) < limit:
        first, left = int(left[0]), left[1:]
        kept.append(first)
        iou, inside = _compute_overlaps(found.boxes[first], found.boxes[left])
        same = (iou > iou_threshold) | (inside > NESTED_SHARE)
        left = left[~(same & (found.class_ids[left] == found.class_ids[first]))]
    return found.select(np.array(kept, np.intp))


def _compute_overlaps(box: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return the IoU of `box` with each of `others`, and the share of each in `box`."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    tiny = np.float32(1e-12)
    return both / np.maximum(area + areas - both, tiny), both / np.maximum(areas, tiny)


def draw_ellipse(width: int, height: int) -> NDArray[np.uint8]:
    """Return a filled ellipse that touches all sides, uint8 (height, width), 0 or 255."""
    out = np.zeros((height, width), np.uint8)
    center, axes = ((width - 1) / 2, (height - 1) / 2), (float(width), float(height))
    cv2.ellipse(out, (center, axes, 0.0), 255, cv2.FILLED)
    return cast("NDArray[np.uint8]", out)
