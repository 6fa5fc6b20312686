"""Detect the first frame of a scene: cuts, jumps in time, changes of the frame's size."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame, is_continuous
from rimlight.segmenters.motion_gate import Levels, compute_cell_luma

MIN_CORRELATION = 0.6
"""Correlation of the cells of two frames below which they show different scenes. Consecutive frames
of dancers before a moving camera have 0.74 or more, different videos 0.51 or less."""
MIN_CONTRAST = 2.0
"""Standard deviation of the cells, in levels, below which a frame is too uniform to correlate."""
MAX_DIFFERENCE = 30.0
"""Mean difference in levels from which such frames show different scenes."""


class SceneCutDetector:
    """Compares each frame with the one before it."""

    def __init__(self) -> None:
        self._levels: Levels | None = None
        self._size = (0, 0)
        self._pts = Fraction(0)

    def begins_scene(self, frame: Frame) -> bool:
        """Return True if `frame` does not continue the frame of the last call."""
        levels = compute_cell_luma(frame)
        follows = frame.size == self._size and is_continuous(self._pts, frame.pts)
        past, self._levels = self._levels, levels
        self._size, self._pts = frame.size, frame.pts
        return past is None or not follows or is_cut(past, levels)


def is_cut(past: Levels, levels: Levels) -> bool:
    """Return True if two frames show different scenes, whatever their exposure.

    Args:
        past: float32 (h, w), mean luma of the cells of one frame, 0..255.
        levels: the same of the other.
    """
    one, other = past - past.mean(), levels - levels.mean()
    contrast = float(np.std(past)), float(np.std(levels))
    if min(contrast) < MIN_CONTRAST:
        return cv2.norm(past, levels, cv2.NORM_L1) > MAX_DIFFERENCE * past.size
    return float(np.mean(one * other)) < MIN_CORRELATION * contrast[0] * contrast[1]
