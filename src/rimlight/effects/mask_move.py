"""Moves a mask together with its frame."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Mask
from rimlight.imaging.viewport import Viewport, move_plane

_MOST_CHANNELS = 4
"""That OpenCV warps together."""


def move_mask(mask: Mask, view: Viewport) -> Mask:
    """Return the mask of what is under `view`; there is no foreground outside of the frame.

    Single objects are merged into their classes.

    Args:
        mask: of the frame.
        view: the part of the frame that is shown, at the frame's size.
    """
    if view.is_whole:
        return mask
    scores = _move_channels(get_soft_scores(mask), view)
    if mask.alpha_u8 is not None:
        return mask.with_scores(scores, move_plane(mask.alpha_u8, view))
    return mask.with_scores(scores)


def get_soft_scores(mask: Mask) -> NDArray[np.float32]:
    """Return float32 scores (h, w, classes) in [0, 1]; single objects keep their soft edges."""
    if mask.instances is None:
        return mask.scores
    return np.stack([mask.alpha([name]) for name in mask.classes], axis=2)


def _move_channels(scores: NDArray[np.float32], view: Viewport) -> NDArray[np.float32]:
    if scores.shape[2] <= _MOST_CHANNELS:
        return move_plane(scores, view)
    moved = [move_plane(np.ascontiguousarray(scores[..., i]), view) for i in range(scores.shape[2])]
    return cast(NDArray[np.float32], cv2.merge(moved))
