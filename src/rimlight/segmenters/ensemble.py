"""Combine several masks of one frame: ensembles, flip test-time augmentation, disagreements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter, read_notes

Scores = NDArray[np.float32]

Flags = NDArray[np.bool_]

MIN_LOST_AREA, MIN_GAINED_AREA = 0.01, 0.04
"""Minimum area, as a share of the frame, of a lost or an added region; smaller ones are edges."""
MIN_REGION_SCORE = 0.6
"""Minimum mean score of a confident region."""
_SUBJECTS = {("person",), ("subject",)}
"""Classes of models of people, and of whatever stands out of the picture."""
_MIN_DROP = 0.4
"""A score that is lower by this is lost, too: half a person is not a person."""
_MAX_WEAK_SCORE = 0.75
"""An added region with a lower mean score is removed if the other mask is more confident."""
_MIN_THICKNESS = 0.02
"""A region narrower than this share of the longer side is an edge; crops resolve it better."""


class EnsembleSegmenter:
    """Averages the scores of several segmenters. It owns and closes them.

    Args:
        segmenters: one or more, all with scores of the same classes; that of a model of salient
            things counts as the one of people.
        flip_tta: also run each on the horizontally flipped frame (test-time augmentation).
    """

    def __init__(self, segmenters: Sequence[Segmenter], *, flip_tta: bool = False) -> None:
        self._segmenters = tuple(segmenters)
        self._flip_tta = flip_tta

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the models within."""
        return read_notes(*self._segmenters)

    def segment(self, frame: Frame) -> Mask:
        """Return the mean mask, with the largest height and width of the masks.

        Raises:
            ConfigError: the models have different classes, or give labels without scores.
        """
        masks = list(self._run_all(frame))
        first = masks[0]
        same = all(m.classes == first.classes for m in masks)
        if not (same or {m.classes for m in masks} <= _SUBJECTS) or any(
            m.data.dtype == np.uint8 for m in masks
        ):
            raise ConfigError(
                "only models that give scores of the same classes can be averaged",
                hint="use models of people, such as selfie-multiclass,selfie",
            )
        shape = max(m.shape[0] for m in masks), max(m.shape[1] for m in masks)
        total = sum(
            (resize_scores(m.scores, shape) for m in masks[1:]), resize_scores(first.scores, shape)
        )
        return first.with_scores(total * np.float32(1 / len(masks)))

    def close(self) -> None:
        """Close all segmenters."""
        with ExitStack() as stack:
            for segmenter in self._segmenters:
                stack.callback(segmenter.close)

    def _run_all(self, frame: Frame) -> Iterator[Mask]:
        for segmenter in self._segmenters:
            yield segmenter.segment(frame)
        if not self._flip_tta:
            return
        other = frame.with_bgr(cast(NDArray[np.uint8], cv2.flip(frame.bgr, 1)))
        for segmenter in self._segmenters:
            mask = segmenter.segment(other)
            yield mask.with_scores(np.ascontiguousarray(mask.scores[:, ::-1]))


def resize_scores(scores: Scores, shape: tuple[int, int]) -> Scores:
    """Resize float32 (h, w, classes) to (*shape, classes), bilinear; no copy if it fits."""
    if scores.shape[:2] == shape:
        return scores
    large = cv2.resize(scores, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return cast(Scores, large.reshape(*shape, -1))


def resolve_disagreement(scores: Scores, other: Scores) -> Scores:
    """Replace large regions of `scores` where `other` disagrees with higher confidence.

    Models of people miss whole people at some scales, in strongly compressed JPEGs, and where
    people fill the frame. An average, or the crop alone, would lose people who were detected. At
    low confidence the models also classify a whole room as a person.

    Args:
        scores: float32 (h, w, 1).
        other: the same shape.

    Returns:
        A new array; `scores` itself if the two agree.
    """
    less = (scores < 0.5) | (other - scores >= _MIN_DROP)
    lost = _find_regions(
        ((other >= 0.5) & less)[..., 0], MIN_LOST_AREA, other - np.float32(MIN_REGION_SCORE)
    )
    weak = np.float32(_MAX_WEAK_SCORE) - scores
    gained = _find_regions(
        ((scores >= 0.5) & (other < 0.5))[..., 0], MIN_GAINED_AREA, 1 - scores - other, weak
    )
    if lost is None and gained is None:
        return scores
    result = scores
    if lost is not None:
        result = np.where(lost, np.maximum(result, other), result)
    return result if gained is None else np.where(gained, np.minimum(result, other), result)


def _find_regions(found: Flags, min_share: float, *merits: Scores) -> Flags | None:
    """Return the large connected regions of `found` whose mean merits are all 0 or more.

    Args:
        found: (h, w).
        min_share: minimum area of a region as a share of the frame.
        merits: float32 (h, w, 1).

    Returns:
        (h, w, 1); None if there is no such region.
    """
    area = min_share * found.size
    if np.count_nonzero(found) < area:
        return None
    at = found.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(at, connectivity=4)
    flat = labels.reshape(-1)
    width = max(3, round(_MIN_THICKNESS * max(found.shape)) | 1)
    core = cast(NDArray[np.uint8], cv2.erode(at, np.ones((width, width), np.uint8)))
    kept = np.asarray(stats, np.float64)[:, cv2.CC_STAT_AREA] >= area
    for merit in merits:
        kept &= np.bincount(flat, weights=merit.reshape(-1), minlength=count) >= 0
    kept &= np.bincount(flat, weights=core.reshape(-1), minlength=count) > 0
    kept[0] = False
    return kept[labels][..., None] if kept.any() else None
