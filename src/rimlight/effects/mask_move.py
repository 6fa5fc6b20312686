"""Moves a mask together with its frame."""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Mask
from rimlight.imaging.viewport import Viewport, move_plane

_MOST_DETAIL = 3
"""Times that a mask may become larger."""
_MOST_CHANNELS = 4
"""That OpenCV warps together."""


def move_mask(mask: Mask, view: Viewport) -> Mask:
    """Return the mask of what is under `view`; there is no foreground outside of the frame.

    Single objects are merged into their classes. The mask of a frame that is shrunk becomes
    larger, so that it keeps its detail.

    Args:
        mask: of the frame.
        view: the part of the frame that is shown, at the frame's size.
    """
    if view.is_whole:
        return mask
    factor = min(_MOST_DETAIL, max(1, math.ceil(view.scale)))
    size = mask.shape[1] * factor, mask.shape[0] * factor
    scores = _move_channels(get_soft_scores(mask), view, size)
    if mask.alpha_u8 is not None:
        return mask.with_scores(scores, move_plane(mask.alpha_u8, view, size))
    return mask.with_scores(scores)


def get_soft_scores(mask: Mask) -> NDArray[np.float32]:
    """Return float32 scores (h, w, classes) in [0, 1]; single objects keep their soft edges."""
    if mask.instances is None:
        return mask.scores
    return np.stack([mask.alpha([name]) for name in mask.classes], axis=2)


def _move_channels(
    scores: NDArray[np.float32], view: Viewport, size: tuple[int, int]
) -> NDArray[np.float32]:
    count = scores.shape[2]
    if count <= _MOST_CHANNELS:
        return move_plane(scores, view, size)
    single = (np.ascontiguousarray(scores[..., i]) for i in range(count))
    moved = [move_plane(channel, view, size) for channel in single]
    return cast(NDArray[np.float32], cv2.merge(moved))
