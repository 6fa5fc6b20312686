"""The mask itself as the picture: white in front, black behind."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.effects.keep import Keep, full_alpha
from rimlight.imaging.color import even_size, pad_even, planes
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

_GRAY = 128
_BLACK, _WHITE = 16, 235


class MatteEffect:
    """Shows how much of each pixel is in front, as gray; for other programs to composite with."""

    class Options(opt.Options):
        """What is in front."""

        keep: Annotated[
            Keep, Field(description="classes that are white; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return an opaque gray picture of the frame's size and layout."""
        alpha = full_alpha(frame, mask, self._keep)
        if frame.layout == "bgr":
            return frame.with_bgr(np.repeat(alpha[..., None], 3, axis=2))
        columns, rows = even_size(frame.size)
        out = self._pool.take((rows * 3 // 2, columns))
        luma, *chroma = planes(out)
        luma[...] = pad_even(_luma(alpha, full_range=frame.color.full_range))
        for plane in chroma:
            plane[...] = _GRAY
        return frame.with_i420(out)

    def close(self) -> None:
        """Nothing to release."""


def _luma(alpha: Image, *, full_range: bool) -> Image:
    """Return gray levels as luma, so that players show 0 as black and 255 as white."""
    if full_range:
        return alpha
    levels = np.rint(_BLACK + np.arange(256) * (_WHITE - _BLACK) / 255).astype(np.uint8)
    return levels[alpha]
