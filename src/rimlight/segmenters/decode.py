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

from rimlight.frame import Instances, Place
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.card import ModelCard
from rimlight.segmenters.doubles import weighed, without_doubles

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

BOX_OVERLAP = 0.7
"""Of two boxes of one class that share more, only one gets a mask; the masks decide the rest."""

_SPARE = 3
"""So many times as many masks are made as objects are wanted, at most."""

_LIMIT = 8.0
"""Logits beyond this are as good as certain: sigmoid(8) is 0.9997."""
_STEPS = (np.arange(256, dtype=np.float64) - 128) / (128 / _LIMIT)
_SIGMOID = np.rint(255 / (1 + np.exp(-_STEPS))).astype(np.uint8)
"""Levels 0..255 of the mask for logits from -8 to 8 in 256 steps."""


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
        candidates: float32 (4 + classes + k, n): box centre x, y, width, height; scores in 0..1;
            mask coefficients.
        prototypes: float32 (h, w, k), covering the input.
        card: for the classes, the input's size, and the unit of the boxes.
        place: where the frame lies in the input, in whole pixels.
        limits: which candidates count.

    Returns:
        Objects whose masks have the resolution of the frame in the input.
    """
    corners, class_ids, scores, coefficients = _survivors(candidates, card, limits)
    places = [_place(corner, place, card.output.margin_px) for corner in corners]
    # A box in the letterbox's padding, or thinner than a pixel, has no mask.
    seen = [
        n for n, (left, top, right, bottom) in enumerate(places) if left < right > 0 < bottom > top
    ]
    masks = tuple(
        _mask(coefficients[n], prototypes, places[n], place=place, size=card.input.size)
        for n in seen
    )
    left, top, width, height = place.left, place.top, place.width, place.height
    boxes = (corners[seen] - (left, top, left, top)) / (width, height, width, height)
    found = Instances(
        boxes.clip(0, 1).astype(np.float32),
        class_ids[seen],
        scores[seen],
        tuple(places[n] for n in seen),
        masks,
        (int(height), int(width)),
        card.classes,
    )
    found = weighed(found) if limits.weighed else found
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


def _place(corner: NDArray[np.float64], place: Rect, margin_px: float) -> Place:
    """Return the pixels of the frame's grid whose centres lie within a box and its margin."""
    left, top = corner[0] - place.left - margin_px, corner[1] - place.top - margin_px
    right, bottom = corner[2] - place.left + margin_px, corner[3] - place.top + margin_px
    return (
        max(0, int(np.ceil(left - 0.5))),
        max(0, int(np.ceil(top - 0.5))),
        min(int(place.width), int(np.ceil(right - 0.5))),
        min(int(place.height), int(np.ceil(bottom - 0.5))),
    )


def _mask(
    coefficients: Floats, prototypes: Floats, box: Place, *, place: Rect, size: tuple[int, int]
) -> Image:
    """Return the levels of one object within its box, made larger from just the part it needs.

    Logits are made larger, not probabilities: their zero, the outline, stays where it is.
    """
    rows, columns = prototypes.shape[:2]
    x, y = columns / size[0], rows / size[1]
    left, top, right, bottom = box
    # The centre of the box's first pixel, in prototype pixels counted from their centres.
    start_x = (left + place.left + 0.5) * x - 0.5
    start_y = (top + place.top + 0.5) * y - 0.5
    first_x, first_y = max(0, int(start_x) - 1), max(0, int(start_y) - 1)
    last_x = min(columns, int(start_x + (right - left) * x) + 3)
    last_y = min(rows, int(start_y + (bottom - top) * y) + 3)
    part = prototypes[first_y:last_y, first_x:last_x] @ coefficients
    np.clip(part, -_LIMIT, _LIMIT, out=part)
    matrix = np.array([[x, 0, start_x - first_x], [0, y, start_y - first_y]])
    large = cv2.warpAffine(
        part,
        matrix,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    levels = cv2.convertScaleAbs(large, alpha=128 / _LIMIT, beta=128)
    return cast(Image, cv2.LUT(levels, _SIGMOID))
