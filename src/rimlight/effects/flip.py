"""Mirrored, or upside down."""

from __future__ import annotations

from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.imaging.color import round_up_to_even, split_planes
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

_AXES = {(True, False): 1, (False, True): 0, (True, True): -1}


class FlipEffect(EffectTraits):
    """Turns the picture round. The mask is not turned, so this effect comes last."""

    person_only = True

    class Options(opt.Options):
        """Which way."""

        horizontal: Annotated[bool, Field(description="swap left and right")] = True
        vertical: Annotated[bool, Field(description="swap top and bottom")] = False

    def __init__(self, options: Options) -> None:
        self._axis = _AXES.get((options.horizontal, options.vertical))
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` turned round."""
        if self._axis is None:
            return frame
        alpha = None if frame.alpha is None else cast(Image, cv2.flip(frame.alpha, self._axis))
        if frame.layout == "bgr" or frame.size != round_up_to_even(frame.size) or alpha is not None:
            return frame.with_bgr(cast(Image, cv2.flip(frame.bgr, self._axis)), alpha)
        out = self._pool.acquire(frame.image.shape)
        for source, target in zip(split_planes(frame.image), split_planes(out), strict=True):
            cv2.flip(source, self._axis, dst=target)
        return frame.with_i420(out)

    def close(self) -> None:
        """Nothing to release."""
