"""No inference where motion explains what changed: the mask moves along with the picture."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.flow import Luma, MotionField, carry, origins_at, shrunk_luma
from rimlight.imaging.geometry import Rect

Scores = NDArray[np.float32]

UNEXPLAINED = 4.0
"""From this mean difference in levels of luma on, motion does not explain a frame: people before
a camera leave 1 to 3, dancers and cuts from 8 up."""


class MovingMask:
    """Carries the mask of one frame over to the next. One belongs to one thread."""

    def __init__(self) -> None:
        self._motion = MotionField()
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
        origins = self._motion.origins(self._luma, luma)
        difference = cv2.absdiff(carry(self._luma, origins), luma)
        place = part.scaled(luma.shape[1], luma.shape[0])
        left, top = int(place.left), int(place.top)
        right, bottom = left + max(1, round(place.width)), top + max(1, round(place.height))
        if cv2.mean(difference[top:bottom, left:right])[0] >= UNEXPLAINED:
            return None
        moved = carry(mask.scores, origins_at(origins, mask.shape, mask.shape)).reshape(
            mask.scores.shape
        )
        return mask.with_scores(cast(Scores, moved))


def _small(frame: Frame) -> Luma:
    picture = frame.luma_or_bgr
    return shrunk_luma(picture, picture.shape)
