"""From candidates and prototypes to single objects.

The form of the tensors is that of YOLACT (Bolya et al., ICCV 2019): a mask is a sum of prototypes,
weighted by an object's own coefficients, put through a sigmoid and cut to the object's box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Instances
from rimlight.core.model_card import ModelCard
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.painter import MaskPainter
from rimlight.segmenters.verdicts import (
    boxed_by_masks,
    weighed,
    without_doubles,
)

Floats = NDArray[np.float32]

BOX_OVERLAP = 0.7
"""Of two boxes of one class that share more, only one gets a mask; the masks decide the rest."""

_SPARE = 3
"""So many times as many masks are made as objects are wanted, at most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which candidates become objects.

    Attributes:
        confidence: the least score.
        overlap: of two masks of one class with a higher IoU, the surer one stays.
        count: at most so many.
        several: a candidate counts for each class that is sure enough, as benchmarks have it;
            else for its best one only.
        weighed: scores are weighed by what the masks say, after `confidence` had its say.
    """

    confidence: float
    overlap: float
    count: int
    several: bool = False
    weighed: bool = False


def decode(
    candidates: Floats, prototypes: Floats, *, card: ModelCard, place: Rect, limits: Limits
) -> Instances:
    """Return the objects of one frame.

    Args:
        candidates: float32 (4 + classes + k, n): box center x, y, width, height; scores in 0..1;
            mask coefficients.
        prototypes: float32 (h, w, k), covering the input.
        card: for the classes, the input's size, and the unit of the boxes.
        place: where the frame lies in the input, in whole pixels.
        limits: which candidates count.

    Returns:
        Objects whose masks have the resolution of the frame in the input.
    """
    corners, class_ids, scores, coefficients = _survivors(candidates, card, limits)
    painter = MaskPainter(prototypes, card, place)
    painted = [
        painter.paint(own, corner) for own, corner in zip(coefficients, corners, strict=True)
    ]
    seen = [number for number, one in enumerate(painted) if one is not None]
    shown = [one for one in painted if one is not None]
    left, top, width, height = place.left, place.top, place.width, place.height
    boxes = (corners[seen] - (left, top, left, top)) / (width, height, width, height)
    found = Instances(
        boxes.clip(0, 1).astype(np.float32),
        class_ids[seen],
        scores[seen],
        tuple(window for window, _ in shown),
        tuple(mask for _, mask in shown),
        (int(height), int(width)),
        card.classes,
    )
    found = weighed(found) if limits.weighed else found
    found = boxed_by_masks(found) if card.output.has_margin else found
    return without_doubles(found, overlap=limits.overlap, count=limits.count)


def _survivors(
    candidates: Floats, card: ModelCard, limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.intp], Floats, Floats]:
    """Return corners in input pixels, classes, scores and coefficients, the surest first."""
    count = len(card.classes)
    all_scores = candidates[4 : 4 + count]
    if limits.several:
        class_ids, likely = np.nonzero(all_scores >= limits.confidence)
    else:
        # The best class of 8400 candidates costs more than finding the few that have any.
        likely = np.flatnonzero(all_scores.max(axis=0) >= limits.confidence)
        class_ids = all_scores[:, likely].argmax(axis=0)
    scores = all_scores[class_ids, likely].astype(np.float32)
    few = candidates[:, likely]
    boxes = few[:4].T.astype(np.float64)
    if card.output.boxes == "share":
        boxes *= (*card.input.size, *card.input.size)
    boxes[:, :2] -= boxes[:, 2:] / 2
    kept = _apart(boxes, scores, class_ids, limits)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    return corners[kept], class_ids[kept], scores[kept], few[4 + count :].T[kept]


def _apart(
    boxes: NDArray[np.float64], scores: Floats, class_ids: NDArray[np.intp], limits: Limits
) -> NDArray[np.intp]:
    """Non-maximum suppression within each class, the surest first.

    Args:
        boxes: (n, 4): left, top, width, height in pixels.
        scores: of the boxes.
        class_ids: of the boxes.
        limits: `count` is used.
    """
    if not len(boxes):
        return np.empty(0, np.intp)
    kept: Any = cv2.dnn.NMSBoxesBatched(
        cast(Any, boxes), cast(Any, scores), cast(Any, class_ids), 0.0, BOX_OVERLAP
    )
    index = np.asarray(kept, np.intp)
    return index[np.argsort(-scores[index], kind="stable")][: _SPARE * limits.count]
