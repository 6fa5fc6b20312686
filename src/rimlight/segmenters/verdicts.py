"""What masks say of their objects: which are the same, how sure they are, where their boxes lie."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Instances, Place
from rimlight.imaging.geometry import overlaps

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

_SOLID = 127
"""Levels above this belong to the object."""


def without_doubles(found: Instances, *, overlap: float, count: int) -> Instances:
    """Return the objects that are not the same as a surer one of their class.

    Masks say this better than boxes: those of two people who embrace share most of their area, and
    those of a coarsely quantized model say little. An object whose mask is empty goes too.

    Args:
        found: in any order.
        overlap: of two masks of one class with a higher IoU, the surer one stays.
        count: at most so many.

    Returns:
        The surest first.
    """
    solid = [_binary(mask) for mask in found.masks]
    areas = [int(cv2.countNonZero(mask)) for mask in solid]
    kept: list[int] = []
    for number in np.argsort(-found.scores, kind="stable").tolist():
        rivals = [n for n in kept if found.class_ids[n] == found.class_ids[number]]
        own = (found.places[number], solid[number])
        shared = [_shared(own, (found.places[n], solid[n])) for n in rivals]
        either = [areas[number] + areas[n] - both for n, both in zip(rivals, shared, strict=True)]
        worst = max((b / e for b, e in zip(shared, either, strict=True) if b), default=0.0)
        if areas[number] and worst <= overlap:
            kept.append(number)
    return found.chosen(kept[:count])


def weighed(found: Instances) -> Instances:
    """Return the same objects, their scores weighed by what their masks say.

    A score is multiplied by the IoU of the object's box with the box round its mask, and by the
    mean level of its mask: a mask that leaves its box empty, or is unsure of itself, is likely
    wrong. After Mask Scoring R-CNN (Huang et al., CVPR 2019), which has a network learn such a
    factor, and the "maskness" of SOLO (Wang et al., ECCV 2020).
    """
    factors = [_agreement(found, number) for number in range(len(found))]
    scores = found.scores * np.array(factors, np.float32)
    return found.with_scores(scores)


def boxed_by_masks(found: Instances) -> Instances:
    """Return the same objects, each with the box round its mask; an empty mask keeps its box."""
    boxes = found.boxes.copy()
    for number in range(len(found)):
        own = _round_mask(found, number)
        boxes[number] = boxes[number] if own is None else own
    return replace(found, boxes=boxes)


def _agreement(found: Instances, number: int) -> float:
    own = _round_mask(found, number)
    if own is None:
        return 0.0
    box = found.boxes[number : number + 1].astype(np.float64)
    mask = found.masks[number]
    return float(overlaps(box, own[None])[0, 0] * mask[mask > _SOLID].mean() / 255)


def _round_mask(found: Instances, number: int) -> NDArray[np.float64] | None:
    """Return the box round a mask in shares of the frame; None where the mask is empty."""
    left, top, width, height = cv2.boundingRect(_binary(found.masks[number]))
    if not width:
        return None
    left, top = left + found.places[number][0], top + found.places[number][1]
    box = np.array([left, top, left + width, top + height], np.float64)
    return box / (*found.shape[::-1], *found.shape[::-1])


def _binary(mask: Image) -> Image:
    """Return 1 where a mask says that the pixel is the object's, else 0."""
    return cast(Image, cv2.threshold(mask, _SOLID, 1, cv2.THRESH_BINARY)[1])


def _shared(one: tuple[Place, Image], other: tuple[Place, Image]) -> int:
    """Return how many pixels two masks of 0 and 1 have in common."""
    (place, mask), (there, others) = one, other
    left, top = max(place[0], there[0]), max(place[1], there[1])
    right, bottom = min(place[2], there[2]), min(place[3], there[3])
    if left >= right or top >= bottom:
        return 0
    mine = mask[top - place[1] : bottom - place[1], left - place[0] : right - place[0]]
    theirs = others[top - there[1] : bottom - there[1], left - there[0] : right - there[0]]
    return int(cv2.countNonZero(cv2.bitwise_and(mine, theirs)))
