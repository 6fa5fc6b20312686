"""Luma threshold: for silhouettes, lit subjects on black, and drawings on paper."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.segmenters.preprocess import FrameSampler, limit_size

Level = Annotated[float, Field(ge=0, le=255)]
# Luma of a B, G, R triple (ITU-R BT.601-7, 2.5.1), 0 black to 255 white.
_LUMA = np.array([[0.114, 0.587, 0.299, 0]], np.float32)


class ThresholdSegmenter:
    """Classifies bright (or dark) pixels as "person"."""

    class Options(opt.Options):
        """The luma thresholds."""

        low: Annotated[Level, Field(description="luma (0..255) that scores 0")] = 96.0
        high: Annotated[Level, Field(description="luma (0..255) that scores 1")] = 160.0
        invert: Annotated[bool, Field(description="dark pixels are the person")] = False
        longest_px: Annotated[
            int, Field(ge=16, le=4096, description="the mask's longer side, at most")
        ] = 480

        @model_validator(mode="after")
        def _rises(self) -> ThresholdSegmenter.Options:
            if self.low >= self.high:
                raise ValueError(f"low must be below high, got {self.low} and {self.high}")
            return self

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sampler = FrameSampler(_LUMA)

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask that covers the whole of `frame`."""
        options = self._options
        luma = self._sampler.sample(frame, limit_size(frame.size, options.longest_px))
        bright = np.clip((luma - options.low) / (options.high - options.low), 0, 1)
        scores = 1 - bright if options.invert else bright
        return Mask(scores.astype(np.float32), ("person",))

    def close(self) -> None:
        """Do nothing: there is no model to release."""
