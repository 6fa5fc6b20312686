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
        if any(m.classes != first.classes or m.given.dtype == np.uint8 for m in masks):
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
