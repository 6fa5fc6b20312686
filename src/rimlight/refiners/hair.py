"""Hair as soft as it is: single strands around the mask, with the opacity of each pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging.compositing.i420 import invert_smooth_step
from rimlight.imaging.hair.network import estimate_hair

MIN_PX = 320
"""Longer side of a picture below which hairs are finer than its pixels: they only roughen edges."""


class HairRefiner(RefinerTraits):
    """Gives the masks of single pictures the soft alpha of hair; video passes unchanged.

    Strands that stand off from the mask are found by their color, their shape and the way they are
    joined to it; what is not joined to the mask is never added. The mask becomes as large as the
    picture, within limits, and says that it is a matte: effects then take the room's color out of
    half-transparent pixels.

    Only masks with one class in front are changed.
    """

    optional = True

    class Options(opt.Options):
        """How fine it looks."""

        max_side: Annotated[
            int,
            Field(ge=128, le=4096, description="longer side of the mask in pixels; more is slower"),
        ] = 800

    def __init__(self, options: Options) -> None:
        self._max_side = options.max_side

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with soft hair; itself for a frame of a video or a very small picture."""
        if (
            not frame.name
            or max(frame.size) < MIN_PX
            or mask.data.dtype == np.uint8
            or len(mask.classes) != 1
        ):
            return mask
        picture, size = _shrink(frame, self._max_side)
        scores = cast(NDArray[np.float32], cv2.resize(mask.scores[..., 0], size))
        alpha = estimate_hair(picture, scores, mask.alpha_range)
        if alpha is None:
            return mask
        return replace(
            mask.with_scores(invert_smooth_step(alpha)[..., None]),
            alpha_range=(0.0, 1.0),
            is_matte=True,
        )

    def close(self) -> None:
        """Nothing to forget."""


def _shrink(frame: Frame, max_side: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the picture, no larger than wanted, and its (width, height)."""
    factor = max_side / max(frame.size)
    if factor >= 1:
        return frame.bgr, frame.size
    size = max(1, round(frame.size[0] * factor)), max(1, round(frame.size[1] * factor))
    small = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_AREA)
    return cast(NDArray[np.uint8], small), size
