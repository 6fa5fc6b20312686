"""A gray background."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.imaging.color import split_planes
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Compositor, Image
from rimlight.imaging.pool import ArrayPool

_NO_COLOR = 128


class GrayEffect(EffectTraits):
    """Takes the color out of what is not in the foreground. The room can still be seen."""

    composites = True
    is_repeatable = True

    class Options(opt.Options):
        """What keeps its colors."""

        keep: Annotated[
            Keep, Field(description="classes that stay colored; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._pool = ArrayPool()
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with a gray background, as transparent as it was."""
        if frame.layout == "bgr":
            alpha = compute_frame_alpha(frame, mask, self._keep)
            back = _gray(frame.image)
            return replace(frame, image=composite_bgr(frame.image, back, alpha))
        back = self._pool.acquire(frame.image.shape)
        luma, *colors = split_planes(back)
        np.copyto(luma, split_planes(frame.image)[0])
        for plane in colors:
            plane[:] = _NO_COLOR
        small = compute_mask_alpha(mask, self._keep)
        shown = self._compositor.composite(frame.image, back, small, mask.alpha_range)
        return replace(frame, image=shown)

    def close(self) -> None:
        """Nothing to release."""


def _gray(bgr: Image) -> Image:
    return np.asarray(
        cv2.cvtColor(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
    )
