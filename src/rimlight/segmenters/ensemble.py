"""Several looks at one frame, averaged: models err differently, and so do mirrored views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter

Scores = NDArray[np.float32]


class AverageSegmenter:
    """Means of the scores of several segmenters. Takes them over and closes them.

    Args:
        segmenters: at least one; all with scores of the same classes.
        mirrored: let each see the frame with left and right swapped as well.
    """

    def __init__(self, segmenters: Sequence[Segmenter], *, mirrored: bool = False) -> None:
        self._segmenters = tuple(segmenters)
        self._mirrored = mirrored

    def segment(self, frame: Frame) -> Mask:
        """Return the mean mask, as large as the largest in each direction.

        Raises:
            ConfigError: the models have different classes, or give labels without scores.
        """
        masks = list(self._looks(frame))
        first = masks[0]
        if any(m.classes != first.classes or m.data.dtype == np.uint8 for m in masks):
            raise ConfigError(
                "only models that give scores of the same classes can be averaged",
                hint="average selfie and selfie-landscape, or leave `also` out",
            )
        shape = max(m.shape[0] for m in masks), max(m.shape[1] for m in masks)
        total = sum((enlarged(m.scores, shape) for m in masks[1:]), enlarged(first.scores, shape))
        return first.with_scores(total * np.float32(1 / len(masks)))

    def close(self) -> None:
        """Close all of them."""
        with ExitStack() as stack:
            for segmenter in self._segmenters:
                stack.callback(segmenter.close)

    def _looks(self, frame: Frame) -> Iterator[Mask]:
        for segmenter in self._segmenters:
            yield segmenter.segment(frame)
        if not self._mirrored:
            return
        other = frame.with_bgr(cast(NDArray[np.uint8], cv2.flip(frame.bgr, 1)))
        for segmenter in self._segmenters:
            mask = segmenter.segment(other)
            yield mask.with_scores(np.ascontiguousarray(mask.scores[:, ::-1]))


def enlarged(scores: Scores, shape: tuple[int, int]) -> Scores:
    """Return float32 (h, w, classes) as (*shape, classes), bilinearly; itself if it is that."""
    if scores.shape[:2] == shape:
        return scores
    large = cv2.resize(scores, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return cast(Scores, large.reshape(*shape, -1))


Flags = NDArray[np.bool_]

LOST, GAINED = 0.01, 0.04
"""Shares of the picture from which a region that a look gives up, or adds, is more than an edge."""
SURE = 0.6
"""The mean score of a region that was seen surely."""
_LESS = 0.4
"""A score that is lower by this is given up too: half a person is none."""
_HARDLY = 0.75
"""The mean score below which a region that a look adds goes, if the other is surer."""
_THICK = 0.02
"""A region narrower than this share of the longer side is a rim: closer looks know it better."""


def with_surer(scores: Scores, other: Scores) -> Scores:
    """Return `scores` but where another look contradicts them and is surer.

    Models of people miss whole people at some scales, in coarse JPEGs, and where people fill the
    picture: a mean with such a look, or a closer look alone, would take away who was found. Half
    sure, they also take a whole room for a person.

    Args:
        scores: float32 (h, w, 1).
        other: the same shape.

    Returns:
        A new array; `scores` itself where the two do not contradict each other.
    """
    less = (scores < 0.5) | (other - scores >= _LESS)
    lost = _kept(((other >= 0.5) & less)[..., 0], LOST, other - np.float32(SURE))
    hardly = np.float32(_HARDLY) - scores
    gained = _kept(((scores >= 0.5) & (other < 0.5))[..., 0], GAINED, 1 - scores - other, hardly)
    if lost is None and gained is None:
        return scores
    made = scores
    if lost is not None:
        made = np.where(lost, np.maximum(made, other), made)
    return made if gained is None else np.where(gained, np.minimum(made, other), made)


def _kept(found: Flags, least: float, *merits: Scores) -> Flags | None:
    """Return where the large regions of `found` are none of whose mean merits is below 0.

    Args:
        found: (h, w).
        least: the least share of the picture that counts.
        merits: float32 (h, w, 1).

    Returns:
        (h, w, 1); None where there is none.
    """
    area = least * found.size
    if np.count_nonzero(found) < area:
        return None
    at = found.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(at, connectivity=4)
    flat = labels.reshape(-1)
    width = max(3, round(_THICK * max(found.shape)) | 1)
    core = cast(NDArray[np.uint8], cv2.erode(at, np.ones((width, width), np.uint8)))
    kept = np.asarray(stats, np.float64)[:, cv2.CC_STAT_AREA] >= area
    for merit in merits:
        kept &= np.bincount(flat, weights=merit.reshape(-1), minlength=count) >= 0
    kept &= np.bincount(flat, weights=core.reshape(-1), minlength=count) > 0
    kept[0] = False
    return kept[labels][..., None] if kept.any() else None
