"""Chroma key (green screen): pixels of the key color are background."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.segmenters.preprocess import FrameSampler, limit_size

_MIN_SATURATION = 30.0
# Cb and Cr of a B, G, R triple, full range (ITU-R BT.601-7, 2.5.2), black and white at 0.
_CHROMA = np.array([[0.5, -0.331264, -0.168736, 0], [-0.081312, -0.418688, 0.5, 0]], np.float32)


class ChromaSegmenter:
    """Classifies pixels that are not of the key color as "person".

    Measures how much of the key color a pixel holds, by chroma alone, so that folds and
    shadows in the screen count too: with x the part of its chroma along the key's and z the part
    across, (x - |z|) / |key|. (Keith Jack, Video Demystified, "Chroma keying".)
    """

    class Options(opt.Options):
        """The key color and its tolerance."""

        positional = "color"

        color: Annotated[
            str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="the screen, as #rrggbb")
        ] = "#00ff00"
        tolerance: Annotated[
            float,
            Field(ge=0, le=1, description="share of the way from the color to gray"),
        ] = 0.7
        softness: Annotated[
            float, Field(gt=0, le=1, description="width of the transition from screen to person")
        ] = 0.2
        longest_px: Annotated[
            int, Field(ge=16, le=4096, description="the mask's longer side, at most")
        ] = 480

        @field_validator("color")
        @classmethod
        def _is_saturated(cls, color: str) -> str:
            if np.linalg.norm(_to_chroma(color)) < _MIN_SATURATION:
                raise ValueError(f"{color} has too little color to be a key")
            return color

    def __init__(self, options: Options) -> None:
        self._options = options
        key = _to_chroma(options.color)
        length = float(np.linalg.norm(key))
        along = key / length
        across = np.array([-along[1], along[0]], np.float32)
        self._sampler = FrameSampler(np.stack([along, across]) @ _CHROMA / np.float32(length))

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask that covers the whole of `frame`."""
        size = limit_size(frame.size, self._options.longest_px)
        chroma = self._sampler.sample(frame, size)
        distance = 1 - chroma[..., :1] + np.abs(chroma[..., 1:])
        person = (distance - self._options.tolerance) / self._options.softness
        return Mask(np.clip(person, 0, 1, dtype=np.float32), ("person",))

    def close(self) -> None:
        """Do nothing: there is no model to release."""


def _to_chroma(color: str) -> NDArray[np.float32]:
    red, green, blue = bytes.fromhex(color[1:])
    chroma: NDArray[np.float32] = _CHROMA[:, :3] @ np.array([blue, green, red], np.float32)
    return chroma
