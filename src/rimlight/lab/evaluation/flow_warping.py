"""Flow Warping Error and edge stability of masks over time; defined in docs/benchmarks."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.metrics import Alpha, Binary, boundary_f
from rimlight.lab.evaluation.temporal import Motion, sample_at, trace_motion

MAX_SIDE = 320
"""Longer side in pixels at which the error is measured."""
FRAME_STEP = 2
"""Every second frame is compared with the one two before it."""
MARGIN_PX = 16
"""Margin around both masks in which the flow is computed."""
MAX_COLOR_CHANGE = 0.05
"""Pixels whose color changes by more along the flow, in [0, 1], are not followed."""
EDGE_TOLERANCE_PX = 1.0
"""An edge that is off by this much, at the working size of flicker, has stayed."""
MIN_FLOW_SIDE_PX = 16
"""Dense inverse search needs images of at least this size."""

Image = NDArray[np.uint8]


class FlowWarpingMeter:
    """Flow Warping Error of binary masks, as suitenumerique/meet-matting defines it.

    That is the temporal warping error of Lai et al. (ECCV 2018) on masks: dense inverse search
    flow around the two masks, and the mean absolute difference between a mask and the one before
    it, warped, over the pixels that flow and color confirm.

    Args:
        threshold: alpha from which a pixel belongs to the mask.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = threshold
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._count = 0
        self._last: tuple[Image, Binary] | None = None
        self._error = self._valid = 0.0

    def add(self, image: Image, alpha: Alpha) -> None:
        """Add the next frame.

        Args:
            image: BGR uint8 (h, w, 3).
            alpha: float32 (h, w) in [0, 1].
        """
        self._count += 1
        if (self._count - 1) % FRAME_STEP:
            return
        height, width = image.shape[:2]
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        small = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        solid = (alpha >= self._threshold).astype(np.uint8)
        mask = cv2.resize(solid, size, interpolation=cv2.INTER_NEAREST) > 0
        last, self._last = self._last, (small, mask)
        if last is not None and last[0].shape == small.shape:
            self._compare(last, (small, mask))

    def error(self) -> float | None:
        """Return the error in [0, 1]; None without a pixel that could be followed."""
        return self._error / self._valid if self._valid else None

    def _compare(self, last: tuple[Image, Binary], now: tuple[Image, Binary]) -> None:
        box = _find_box(last[1] | now[1])
        if box is None:
            return
        (old, old_mask), (new, new_mask) = ((i[box], m[box]) for i, m in (last, now))
        grays = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (old, new)]
        motion = trace_motion(self._estimate, cast(Image, grays[0]), cast(Image, grays[1]))
        colors = [np.float32(1 / 255) * image for image in (old, new)]
        change = np.abs(colors[1] - sample_at(colors[0], motion.source)).mean(axis=2)
        valid = motion.trusted & (change <= MAX_COLOR_CHANGE)
        warped = sample_at(old_mask.astype(np.float32), motion.source)
        self._error += float(np.abs(new_mask - warped)[valid].sum(dtype=np.float64))
        self._valid += float(np.count_nonzero(valid))

    def _estimate(self, one: Image, other: Image) -> NDArray[np.float32]:
        start: Any = None  # OpenCV's stubs require an array, which would be an initial flow
        return cast(NDArray[np.float32], self._flow.calc(one, other, start))


def measure_edge_stability(
    before: Alpha, now: Alpha, motion: Motion, *, threshold: float = 0.5
) -> float | None:
    """Return how much of the mask's edge stays where the motion of the image puts it.

    Args:
        before: float32 (h, w) in [0, 1], the mask of the frame before.
        now: float32 (h, w), the mask of this frame.
        motion: how this frame came from the one before, at the same size.
        threshold: alpha from which a pixel belongs to the mask.

    Returns:
        The boundary F of the earlier mask, warped, and the present one in [0, 1], with a
        tolerance of 1 pixel; None if there is no edge where the motion can be trusted.
    """
    warped = sample_at(before, motion.source) >= threshold
    mask = np.where(motion.trusted, now >= threshold, warped)
    if not (mask.any() and warped.any()):
        return None
    return boundary_f(mask, warped, tolerance=EDGE_TOLERANCE_PX / float(np.hypot(*mask.shape)))


def _find_box(mask: Binary) -> tuple[slice, slice] | None:
    """Return rows and columns of the mask and a margin; None for an empty or tiny region."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = tuple(
        slice(max(0, int(at[0]) - MARGIN_PX), int(at[-1]) + MARGIN_PX) for at in (rows, columns)
    )
    smallest = min(mask[box].shape)
    return cast("tuple[slice, slice]", box) if smallest >= MIN_FLOW_SIDE_PX else None
