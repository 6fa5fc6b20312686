"""Skip inference: reuse the mask of a static frame, or propagate it by optical flow."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter, read_notes
from rimlight.imaging.color import split_planes
from rimlight.imaging.flow import FlowEstimator, Luma, downscale_luma, resize_remap, warp
from rimlight.imaging.geometry import Rect

SAMPLE_SIZE = (256, 144)
"""Size at which luma is sampled."""
GRID_SIZE = (64, 36)
"""Size at which luma is compared: each cell averages 16 samples to suppress noise."""

Levels = NDArray[np.float32]

Scores = NDArray[np.float32]

MAX_RESIDUAL = 4.0
"""Mean luma residual after motion compensation from which a mask is not propagated: talking people
leave 1 to 3, dancers and cuts 8 or more."""


class MotionGatedSegmenter:
    """Returns the last mask while no cell of the frame changes.

    It compares the mean luma of 64 x 36 cells with the frame of the last inference, so slow drift
    accumulates. The largest difference decides, so a moving hand counts as much as a moving camera.
    It runs inference again after `refresh_s`, when time goes back, or when the size changes.

    Args:
        inner: the segmenter; closed with this one.
        threshold: luma difference (0..255) of a cell that counts as motion.
        refresh_s: maximum age of a mask in seconds of stream time.
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
        self.skipped_frames = 0
        """Number of frames that reused a mask."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the models within."""
        return read_notes(self._inner)

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask, or the last one if nothing moved."""
        levels = compute_cell_luma(frame)
        if self._mask is not None and self._is_still(levels, frame):
            self.skipped_frames += 1
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


class MaskPropagator:
    """Warps the mask of one frame to the next by optical flow. Not thread-safe."""

    def __init__(self) -> None:
        self._motion = FlowEstimator()
        self._mask: Mask | None = None
        self._luma: Luma = np.empty((0, 0), np.uint8)

    def update(self, mask: Mask, frame: Frame) -> None:
        """Store the mask of `frame`."""
        self._mask, self._luma = mask, _compute_small_luma(frame)

    def reset(self) -> None:
        """Discard the stored mask, e.g. because the next frame is not contiguous."""
        self._mask = None

    def propagate(self, frame: Frame, region: Rect) -> Mask | None:
        """Return the stored mask warped to `frame`, and discard it.

        Args:
            frame: the frame after that of the mask, of the same size.
            region: relative coordinates; changes outside of it are ignored.

        Returns:
            None if no mask is stored, or motion does not explain the change.
        """
        mask = self._mask
        self.reset()
        if mask is None:
            return None
        luma = _compute_small_luma(frame)
        origins = self._motion.estimate_remap(self._luma, luma)
        difference = cv2.absdiff(warp(self._luma, origins), luma)
        place = region.scale(luma.shape[1], luma.shape[0])
        left, top = int(place.left), int(place.top)
        right, bottom = left + max(1, round(place.width)), top + max(1, round(place.height))
        if cv2.mean(difference[top:bottom, left:right])[0] >= MAX_RESIDUAL:
            return None
        moved = warp(mask.scores, resize_remap(origins, mask.shape, mask.shape)).reshape(
            mask.scores.shape
        )
        return mask.with_scores(cast(Scores, moved))


def compute_cell_luma(frame: Frame) -> Levels:
    """Return the mean luma of each cell, float32 (36, 64)."""
    if frame.layout == "i420":
        small = cv2.resize(
            split_planes(frame.image)[0], SAMPLE_SIZE, interpolation=cv2.INTER_LINEAR
        )
    else:
        small = cv2.cvtColor(cv2.resize(frame.image, SAMPLE_SIZE), cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(small.astype(np.float32), GRID_SIZE, interpolation=cv2.INTER_AREA)
    return cast(Levels, cells)


def _compute_small_luma(frame: Frame) -> Luma:
    picture = frame.luma_or_bgr
    return downscale_luma(picture, picture.shape)
