"""No inference where nothing moves: a still picture keeps its mask."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter
from rimlight.imaging.color import split_planes
from rimlight.imaging.flow import FlowEstimator, Luma, downscale_luma, resize_remap, warp
from rimlight.imaging.geometry import Rect

LOOK = (256, 144)
"""Size at which luma is sampled first."""
CELLS = (64, 36)
"""Size at which it is compared: each cell averages 16 samples, so that noise cancels out."""

Levels = NDArray[np.float32]


class GatedSegmenter:
    """Gives the last mask again while no part of the picture differs from its frame.

    Compared is the mean luma of each of 64 x 36 cells: the largest difference decides, so a
    moving hand counts as much as a moving camera. It is the frame of the last inference that is
    compared with, so a slow drift adds up until it counts. A mask is made anew after `refresh_s`
    in any case, and when time goes back or the picture's size changes.

    Args:
        inner: makes the masks; closed with this one.
        threshold: levels (0..255) by which a cell must differ.
        refresh_s: seconds of the stream after which a mask is made anew.
    """

    def __init__(
        self, inner: Segmenter, *, threshold: float = 4.0, refresh_s: Fraction = Fraction(1, 2)
    ) -> None:
        self._inner = inner
        self._threshold = threshold
        self._refresh_s = refresh_s
        self._seen: Levels | None = None
        self._mask: Mask | None = None
        self._size = (0, 0)
        self._pts = Fraction(0)
        self.skipped = 0
        """Frames that got the mask of another."""

    def segment(self, frame: Frame) -> Mask:
        """Return the inner segmenter's mask for `frame`, or the last one if nothing moved."""
        levels = _levels(frame)
        if self._mask is not None and self._is_still(levels, frame):
            self.skipped += 1
            return self._mask
        self._mask = self._inner.segment(frame)
        self._seen, self._size, self._pts = levels, frame.size, frame.pts
        return self._mask

    def close(self) -> None:
        """Close the inner segmenter."""
        self._mask = None
        self._inner.close()

    def _is_still(self, levels: Levels, frame: Frame) -> bool:
        if frame.size != self._size or not 0 <= frame.pts - self._pts < self._refresh_s:
            return False
        assert self._seen is not None
        return float(cv2.norm(levels, self._seen, cv2.NORM_INF)) < self._threshold


def _levels(frame: Frame) -> Levels:
    """Mean luma of each cell, float32 (36, 64)."""
    if frame.layout == "i420":
        small = cv2.resize(split_planes(frame.image)[0], LOOK, interpolation=cv2.INTER_LINEAR)
    else:
        small = cv2.cvtColor(cv2.resize(frame.image, LOOK), cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(small.astype(np.float32), CELLS, interpolation=cv2.INTER_AREA)
    return cast(Levels, cells)


Scores = NDArray[np.float32]

UNEXPLAINED = 4.0
"""From this mean difference in levels of luma on, motion does not explain a frame: people before
a camera leave 1 to 3, dancers and cuts from 8 up."""


class MovingMask:
    """Carries the mask of one frame over to the next. One belongs to one thread."""

    def __init__(self) -> None:
        self._motion = FlowEstimator()
        self._mask: Mask | None = None
        self._luma: Luma = np.empty((0, 0), np.uint8)

    def keep(self, mask: Mask, frame: Frame) -> None:
        """Remember the mask of `frame`."""
        self._mask, self._luma = mask, _small(frame)

    def forget(self) -> None:
        """Know no mask: what comes is not the next frame, or was looked at otherwise."""
        self._mask = None

    def moved(self, frame: Frame, part: Rect) -> Mask | None:
        """Return the mask that was kept, moved along to `frame`, and forget it.

        Args:
            frame: the one after that of the mask, of its size.
            part: shares of the picture; what lies outside may change as it likes.

        Returns:
            None where no mask was kept, or something came into view or moved too fast.
        """
        mask = self._mask
        self.forget()
        if mask is None:
            return None
        luma = _small(frame)
        origins = self._motion.estimate_remap(self._luma, luma)
        difference = cv2.absdiff(warp(self._luma, origins), luma)
        place = part.scale(luma.shape[1], luma.shape[0])
        left, top = int(place.left), int(place.top)
        right, bottom = left + max(1, round(place.width)), top + max(1, round(place.height))
        if cv2.mean(difference[top:bottom, left:right])[0] >= UNEXPLAINED:
            return None
        moved = warp(mask.scores, resize_remap(origins, mask.shape, mask.shape)).reshape(
            mask.scores.shape
        )
        return mask.with_scores(cast(Scores, moved))


def _small(frame: Frame) -> Luma:
    picture = frame.luma_or_bgr
    return downscale_luma(picture, picture.shape)
