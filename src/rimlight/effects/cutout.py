"""What other programs composite with: a cutout, its matte, its foreground colors."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.imaging.color import pad_even, round_up_to_even, split_planes
from rimlight.imaging.edge_color import (
    decontaminate_edges,
    decontaminate_edges_bgr,
    estimate_foreground,
    fill_hidden,
    fill_hidden_bgr,
)
from rimlight.imaging.hair.colors import take_room_out
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]
_GRAY = 128
_HAIR = (0.0, 0.02)
"""Opacities up to which the colors of a matte are hidden, and from which on they are its own."""
_BLACK, _WHITE = 16, 235


class CutoutEffect(EffectTraits):
    """Makes everything but the foreground transparent; the sink must be able to hold alpha.

    Nothing of the background is left in the colors below: not where it cannot be seen at all, and
    not where next to nothing of it can be seen.
    """

    hides_background = True
    person_only = True

    class Options(opt.Options):
        """What stays."""

        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None
        decontaminate_edges: Annotated[
            bool, Field(description="take the old background's colors out of the soft edge")
        ] = True

    @classmethod
    def outputs_alpha(cls, options: Any, *, has_alpha: bool) -> bool:
        """Return True: the background becomes transparent."""
        return True

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._decontaminate = options.decontaminate_edges
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame`, seen through the mask."""
        alpha = compute_frame_alpha(frame, mask, self._keep)
        return self._cleaned(frame, mask, alpha).with_alpha(alpha)

    def _cleaned(self, frame: Frame, mask: Mask, alpha: Image) -> Frame:
        """Return `frame` with the foreground's own colors in its soft edge and around it."""
        if mask.is_matte and self._decontaminate and frame.layout == "bgr":
            frame = frame.with_bgr(take_room_out(frame.image, alpha))
            return frame.with_bgr(fill_hidden_bgr(frame.image, alpha, _HAIR))
        small, edges = compute_mask_alpha(mask, self._keep), mask.alpha_range
        if frame.layout == "bgr":
            clean = decontaminate_edges_bgr if self._decontaminate else fill_hidden_bgr
            return frame.with_bgr(clean(frame.image, small, edges))
        out = self._pool.acquire(frame.image.shape)
        if self._decontaminate:
            return frame.with_i420(decontaminate_edges(frame.image, small, edges, out, deep=True))
        return frame.with_i420(fill_hidden(frame.image, small, edges, out))

    def close(self) -> None:
        """Nothing to release."""


class ForegroundEffect(EffectTraits):
    """Shows the foreground's own colors, also where hair or motion lets the room shine through.

    With the matte of the same run it composites without a rim: matte * foreground +
    (1 - matte) * background.
    """

    class Options(opt.Options):
        """What is in front."""

        keep: Annotated[
            Keep, Field(description="classes that are in front; none: the model's own choice")
        ] = None

    @classmethod
    def outputs_alpha(cls, options: Any, *, has_alpha: bool) -> bool:
        """Return False: its frames are opaque, also where the source is transparent."""
        return False

    def __init__(self, options: Options) -> None:
        self._keep = options.keep

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return an opaque picture of the same size."""
        return frame.with_bgr(
            estimate_foreground(frame.bgr, compute_frame_alpha(frame, mask, self._keep))
        )

    def close(self) -> None:
        """Nothing to release."""


class MatteEffect(EffectTraits):
    """Shows how much of each pixel is in front, as gray; for other programs to composite with."""

    class Options(opt.Options):
        """What is in front."""

        keep: Annotated[
            Keep, Field(description="classes that are white; none: the model's own choice")
        ] = None

    @classmethod
    def outputs_alpha(cls, options: Any, *, has_alpha: bool) -> bool:
        """Return False: its frames are opaque, also where the source is transparent."""
        return False

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return an opaque gray picture of the frame's size and layout."""
        alpha = compute_frame_alpha(frame, mask, self._keep)
        if frame.layout == "bgr":
            return frame.with_bgr(np.repeat(alpha[..., None], 3, axis=2))
        columns, rows = round_up_to_even(frame.size)
        out = self._pool.acquire((rows * 3 // 2, columns))
        luma, *chroma = split_planes(out)
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
