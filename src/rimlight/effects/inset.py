"""The person small in a corner, before slides or a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.effects.mask_move import move_mask
from rimlight.imaging.blur import downscale
from rimlight.imaging.color import round_up_to_even, split_planes
from rimlight.imaging.pool import ArrayPool
from rimlight.imaging.viewport import Viewport

Image = NDArray[np.uint8]
Corner = Literal["bottom-right", "bottom-left", "top-left", "top-right"]
Box = tuple[int, int, int, int]

_BLACK = (0, 128, 128)
"""Y, U and V behind the small frame; a background that is put in after it replaces this."""


class InsetEffect(EffectTraits):
    """Shrinks the frame into a corner; later effects see the person there and nobody elsewhere."""

    person_only = True
    position = EffectPosition.LAYOUT

    class Options(opt.Options):
        """Where, and how large."""

        positional: ClassVar[str | None] = "corner"

        corner: Annotated[Corner, Field(description="where the person stands")] = "bottom-right"
        size: Annotated[
            float, Field(ge=0.1, le=1, description="of the small frame, share of the whole")
        ] = 0.4

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = ArrayPool()
        self._box: Box = (0, 0, 1, 1)
        self._size = (1, 1)

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` shrunk into its corner; the rest is black, or transparent as it was."""
        self._size = frame.size
        self._box = compute_inset(frame.size, self._options.corner, self._options.size)
        is_planar = frame.layout == "i420" and frame.size == round_up_to_even(frame.size)
        if is_planar and frame.alpha is None:
            out = self._pool.acquire(frame.image.shape)
            for step, fill, source, target in zip(
                (1, 2, 2), _BLACK, split_planes(frame.image), split_planes(out), strict=True
            ):
                target[:] = fill
                _shrink_into(source, target, self._box, step)
            return replace(frame, image=out)
        bgr = np.zeros(frame.bgr.shape, np.uint8)
        _shrink_into(frame.bgr, bgr, self._box, 1)
        if frame.alpha is None:
            return frame.with_bgr(bgr)
        alpha = np.zeros(frame.alpha.shape, np.uint8)
        _shrink_into(frame.alpha, alpha, self._box, 1)
        return frame.with_bgr(bgr, alpha)

    def transform_mask(self, mask: Mask) -> Mask:
        """Return the mask of the shrunk frame, larger, so that it keeps its detail."""
        left, top, right, _ = self._box
        width, height = self._size
        share = (right - left) / width
        view = Viewport(-left / width / share, -top / height / share, 1 / share)
        return move_mask(mask, view)

    def close(self) -> None:
        """Nothing to release."""


def compute_inset(size: tuple[int, int], corner: Corner, share: float) -> Box:
    """Return (left, top, right, bottom) of a small frame in pixels, even where it has to be.

    Args:
        size: (width, height) of the whole frame.
        corner: where it lies.
        share: its width as a share of the whole.
    """
    width, height = (max(1, min(side, round(side * share / 2) * 2)) for side in size)
    left = (size[0] - width) // 2 * 2 if "right" in corner else 0
    top = (size[1] - height) // 2 * 2 if "bottom" in corner else 0
    return left, top, left + width, top + height


def _shrink_into(source: Image, target: Image, box: Box, step: int) -> None:
    """Write a plane into a part of another; `step` is 2 for the chroma of I420."""
    left, top, right, bottom = (side // step for side in box)
    size = max(1, right - left), max(1, bottom - top)
    target[top : top + size[1], left : left + size[0]] = downscale(source, size)
