"""Masks of single objects: decode prototypes, suppress duplicates, rescore, fit boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Box, Instances
from rimlight.core.model_card import ModelCard
from rimlight.imaging.geometry import Rect, compute_iou

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]
Image = NDArray[np.uint8]

MIN_PIECE_SHARE = 0.05
"""In a mask with a margin, pieces below this share of the largest piece are noise."""

_LIMIT = 8.0
"""Logits are clipped to this: sigmoid(8) is 0.9997."""
_STEPS = (np.arange(256, dtype=np.float64) - 128) / (128 / _LIMIT)
_SIGMOID = np.rint(255 / (1 + np.exp(-_STEPS))).astype(np.uint8)
"""Levels 0..255 of the mask for logits from -8 to 8 in 256 steps."""
_AROUND = np.ones((5, 5), np.uint8)
"""A soft edge is two prototype cells wide."""

_SOLID = 127
"""Pixels with a higher level belong to the object."""


class PrototypeMaskDecoder:
    """Decodes the masks of one frame from mask prototypes, each within its bounding box.

    It upsamples logits, not probabilities, so that the outline (logit 0) does not move.

    Args:
        prototypes: float32 (h, w, k), covering the input.
        card: input size, and the margin of masks around their boxes.
        place: position of the frame in the input, in whole pixels.
    """

    def __init__(self, prototypes: Floats, card: ModelCard, place: Rect) -> None:
        self._prototypes = prototypes
        self._output = card.output
        self._place = place
        rows, columns = prototypes.shape[:2]
        width, height = card.input.fixed_size
        self._scale = np.array([columns / width, rows / height])
        self._cells = np.array([columns, rows])

    def decode(self, coefficients: Floats, corner: Reals) -> tuple[Box, Image] | None:
        """Return the box of a mask in frame pixels, and its levels there.

        Args:
            coefficients: float32 (k,).
            corner: left, top, right, bottom of the object's box in pixels of the input.

        Returns:
            None if the mask is empty or outside of the frame.
        """
        room = self._output.margin_px + self._output.margin_share * (corner[2:] - corner[:2])
        window = self._clip_box(np.concatenate([corner[:2] - room, corner[2:] + room]))
        if window is None:
            return None
        first, last = self._find_cells(window)
        part = self._prototypes[first[1] : last[1], first[0] : last[0]] @ coefficients
        np.clip(part, -_LIMIT, _LIMIT, out=part)
        if self._output.has_margin:
            part = _keep_inner_pieces(part, np.rint(corner.reshape(2, 2) * self._scale - first))
            window = self._shrink_window(window, part, first)
        return None if window is None else (window, self._upsample(part, window, first))

    def _clip_box(self, corner: Reals) -> Box | None:
        """Return the frame pixels whose centers lie within a box; None if there are none."""
        place = self._place
        sides = np.ceil(corner - (place.left, place.top, place.left, place.top) - 0.5)
        left, top = max(0, int(sides[0])), max(0, int(sides[1]))
        right, bottom = min(int(place.width), int(sides[2])), min(int(place.height), int(sides[3]))
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _find_cells(self, window: Box) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the range of prototype cells (x, y) for a window: first, and end (exclusive)."""
        offset = (self._place.left, self._place.top)
        first = (np.array(window[:2]) + offset + 0.5) * self._scale - 0.5
        last = (np.array(window[2:]) + offset - 0.5) * self._scale - 0.5
        low = np.maximum(first.astype(np.intp) - 1, 0)
        return low, np.minimum(last.astype(np.intp) + 3, self._cells)

    def _shrink_window(self, window: Box, part: Floats, first: NDArray[np.intp]) -> Box | None:
        """Return the part of a window that contains the mask and its soft edge; None if empty."""
        left, top, width, height = cv2.boundingRect((part > 0).astype(np.uint8))
        if not width:
            return None
        low = np.add(first, (left - 2, top - 2)) / self._scale
        high = np.add(first, (left + width + 2, top + height + 2)) / self._scale
        own = self._clip_box(np.concatenate([low, high]))
        if own is None:
            return None
        left, top = max(window[0], own[0]), max(window[1], own[1])
        narrow = (left, top, min(window[2], own[2]), min(window[3], own[3]))
        return narrow if narrow[0] < narrow[2] and narrow[1] < narrow[3] else None

    def _upsample(self, part: Floats, window: Box, first: NDArray[np.intp]) -> Image:
        """Return the mask levels of a window's pixels, bilinear."""
        offset = np.add(window[:2], (self._place.left, self._place.top))
        # The center of the window's first pixel, in cells of `part` counted from their centers.
        start = (offset + 0.5) * self._scale - 0.5 - first
        matrix = np.array([[self._scale[0], 0, start[0]], [0, self._scale[1], start[1]]])
        large = cv2.warpAffine(
            part,
            matrix,
            (window[2] - window[0], window[3] - window[1]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        levels = cv2.convertScaleAbs(large, alpha=128 / _LIMIT, beta=128)
        return cast(Image, cv2.LUT(levels, _SIGMOID))


def mask_nms(found: Instances, *, iou_threshold: float, max_objects: int) -> Instances:
    """Suppress duplicates within each class by mask IoU, and objects with empty masks.

    Mask IoU separates objects better than box IoU: the boxes of two people who embrace share most
    of their area, and those of a coarsely quantized model are imprecise.

    Args:
        found: in any order.
        iou_threshold: of two masks of a class with a higher IoU, the one of higher score is kept.
        max_objects: maximum number of results.

    Returns:
        The objects by descending score.
    """
    solid = [_to_binary(mask) for mask in found.masks]
    areas = [int(cv2.countNonZero(mask)) for mask in solid]
    kept: list[int] = []
    for number in np.argsort(-found.scores, kind="stable").tolist():
        rivals = [n for n in kept if found.class_ids[n] == found.class_ids[number]]
        own = (found.mask_boxes[number], solid[number])
        shared = [_count_shared_pixels(own, (found.mask_boxes[n], solid[n])) for n in rivals]
        either = [areas[number] + areas[n] - both for n, both in zip(rivals, shared, strict=True)]
        worst = max((b / e for b, e in zip(shared, either, strict=True) if b), default=0.0)
        if areas[number] and worst <= iou_threshold:
            kept.append(number)
    return found.select(kept[:max_objects])


def rescore_by_mask(found: Instances) -> Instances:
    """Multiply each score by the quality of its mask.

    The factor is the IoU of the object's box with the bounding box of its mask, times the mean
    level of the mask. Compare Mask Scoring R-CNN (Huang et al., CVPR 2019), where a network learns
    such a factor, and the "maskness" of SOLO (Wang et al., ECCV 2020).
    """
    factors = [_compute_agreement(found, number) for number in range(len(found))]
    scores = found.scores * np.array(factors, np.float32)
    return found.with_scores(scores)


def boxes_from_masks(found: Instances) -> Instances:
    """Replace each box by the bounding box of its mask, unless the mask is empty."""
    boxes = found.boxes.copy()
    for number in range(len(found)):
        own = _find_mask_box(found, number)
        boxes[number] = boxes[number] if own is None else own
    return replace(found, boxes=boxes)


def _keep_inner_pieces(part: Floats, box: Reals) -> Floats:
    """Remove the pieces of a mask that belong to neighboring objects or are noise.

    A mask with a margin around a coarse box may include parts of neighbors. A connected piece is
    kept if most of it lies within the box and it is not too small.

    Args:
        part: logits, float32 (h, w).
        box: first and last (x, y) of the object's box in cells of `part`.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((part > 0).astype(np.uint8))
    (left, top), (right, bottom) = box.clip(0, None).astype(np.intp)
    inside = np.bincount(pieces[top:bottom, left:right].reshape(-1), minlength=count)
    areas = stats[:, cv2.CC_STAT_AREA]
    stays = (2 * inside > areas) & (areas >= MIN_PIECE_SHARE * areas[1:].max(initial=0))
    stays[0] = False
    if stays[1:].all():
        return part
    kept = stays[pieces]
    near = cv2.dilate(kept.astype(np.uint8), _AROUND) > 0
    return np.where(kept | (near & (part <= 0)), part, np.float32(-_LIMIT))


def _compute_agreement(found: Instances, number: int) -> float:
    own = _find_mask_box(found, number)
    if own is None:
        return 0.0
    box = found.boxes[number : number + 1].astype(np.float64)
    mask = found.masks[number]
    return float(compute_iou(box, own[None])[0, 0] * mask[mask > _SOLID].mean() / 255)


def _find_mask_box(found: Instances, number: int) -> NDArray[np.float64] | None:
    """Return a mask's bounding box in relative coordinates; None if the mask is empty."""
    left, top, width, height = cv2.boundingRect(_to_binary(found.masks[number]))
    if not width:
        return None
    left, top = left + found.mask_boxes[number][0], top + found.mask_boxes[number][1]
    box = np.array([left, top, left + width, top + height], np.float64)
    return box / (*found.shape[::-1], *found.shape[::-1])


def _to_binary(mask: Image) -> Image:
    """Return 1 for the pixels of the object, else 0."""
    return cast(Image, cv2.threshold(mask, _SOLID, 1, cv2.THRESH_BINARY)[1])


def _count_shared_pixels(one: tuple[Box, Image], other: tuple[Box, Image]) -> int:
    """Return the number of pixels that two masks of 0 and 1 share."""
    (place, mask), (there, others) = one, other
    left, top = max(place[0], there[0]), max(place[1], there[1])
    right, bottom = min(place[2], there[2]), min(place[3], there[3])
    if left >= right or top >= bottom:
        return 0
    mine = mask[top - place[1] : bottom - place[1], left - place[0] : right - place[0]]
    theirs = others[top - there[1] : bottom - there[1], left - there[0] : right - there[0]]
    return int(cv2.countNonZero(cv2.bitwise_and(mine, theirs)))
