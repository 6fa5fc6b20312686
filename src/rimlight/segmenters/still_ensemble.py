"""Single pictures get more looks than frames of a video: those of a second, larger model."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter
from rimlight.imaging.roi import find_mask_bounds, pad_roi, paste_roi, to_even_pixels
from rimlight.segmenters.crop_detect import crop_frame
from rimlight.segmenters.ensemble import resize_scores
from rimlight.segmenters.roi import MIN_FOREGROUND

Scores = NDArray[np.float32]

_MARGIN = 0.3
"""Room around the people in the close look, as a share of their sides."""


class StillEnsembleSegmenter:
    """Averages the masks of single pictures with those of a larger model; video has the first one.

    The larger model sees the whole picture, its mirror image, and the region around the people. The
    mean of the first two, the third and the mask of `first` count alike. Pictures are frames with a
    name.

    Args:
        first: the segmenter for all frames; owned and closed.
        open_larger: opens the larger model, for the first picture.
    """

    def __init__(self, first: Segmenter, open_larger: Callable[[], Segmenter]) -> None:
        self._first, self._open_larger = first, open_larger
        self._larger: Segmenter | None = None

    def segment(self, frame: Frame) -> Mask:
        """Return a mask of the whole of `frame`, of one class."""
        mask = self._first.segment(frame)
        if not frame.name:
            return mask
        self._larger = self._larger or self._open_larger()
        whole = self._segment_twice(self._larger, frame, mask.shape)
        near = self._segment_near(self._larger, frame, whole)
        total = whole + near + mask.alpha()
        return mask.with_scores((total * np.float32(1 / 3))[..., None])

    def close(self) -> None:
        """Close both."""
        self._first.close()
        if self._larger is not None:
            self._larger.close()

    def _segment_twice(self, model: Segmenter, frame: Frame, shape: tuple[int, int]) -> Scores:
        """Return the mean of the looks at the picture and its mirror image, (h, w) of `shape`."""
        mirrored = frame.with_bgr(cast(NDArray[np.uint8], cv2.flip(frame.bgr, 1)))
        here, there = (model.segment(one).alpha() for one in (frame, mirrored))
        mean = (here + there[:, ::-1]) * np.float32(0.5)
        return resize_scores(mean[..., None], shape)[..., 0]

    def _segment_near(self, model: Segmenter, frame: Frame, whole: Scores) -> Scores:
        """Return the look at the people in the mask `whole`; itself where nobody is in it."""
        people = find_mask_bounds(whole, min_share=MIN_FOREGROUND)
        if people is None:
            return whole
        left, top, right, bottom = to_even_pixels(pad_roi(people, _MARGIN, frame.size), frame.size)
        if frame.layout == "bgr":
            right, bottom = min(right, frame.size[0]), min(bottom, frame.size[1])
        box = left, top, right, bottom
        near = model.segment(crop_frame(frame, box)).alpha()
        pasted = paste_roi(near, box, frame.size, max(whole.shape))
        return resize_scores(pasted[..., None], whole.shape)[..., 0]
