"""A blurred background."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.imaging.blur import blur_bgr, blur_i420, blur_lens_bgr, blur_lens_i420
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Compositor

Image = NDArray[np.uint8]

EASED_S = Fraction(1, 4)
"""A blur this old is seen only where something large moves behind the person."""


class BlurEffect(EffectTraits):
    """Blurs what is not in the foreground; the person's colors do not smear into it."""

    hides_background = True
    composites = True
    person_only = True

    class Options(opt.Options):
        """How much is blurred."""

        positional: ClassVar[str | None] = "radius_px"

        radius_px: Annotated[
            float, Field(gt=0, le=500, description="sigma of the blur, in frame pixels")
        ] = 20.0
        shape: Annotated[
            Literal["gaussian", "lens"],
            Field(description="lens: out of focus, each point of light becomes a disc"),
        ] = "gaussian"
        highlights: Annotated[
            float, Field(ge=0, le=100, description="lens: how much more bright pixels count")
        ] = 8.0
        refresh_hz: Annotated[
            float | None,
            Field(gt=0, description="rate of new blurs in Hz; none: every frame"),
        ] = None
        keep: Annotated[
            Keep, Field(description="classes that stay sharp; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._options = options
        self._compositor = Compositor()
        self.is_repeatable = options.refresh_hz is None
        self._usual_s = 1 / Fraction(options.refresh_hz) if options.refresh_hz else Fraction(0)
        self._interval_s = self._usual_s
        self._back: Image | None = None
        self._back_form: tuple[object, ...] = ()
        self._back_pts = Fraction(0)

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with a blurred background, as transparent as it was."""
        sigma_px, keep = self._options.radius_px, self._options.keep
        small = compute_mask_alpha(mask, keep)
        apart = _kept_apart(small, frame.alpha)
        if frame.layout == "bgr":
            alpha = compute_frame_alpha(replace(frame, alpha=None), mask, keep)
            back = self._blur_bgr(frame.image, apart, sigma_px)
            return replace(frame, image=composite_bgr(frame.image, back, alpha))
        back = self._background(frame, apart)
        shown = self._compositor.composite(frame.image, back, small, mask.alpha_range)
        return replace(frame, image=shown)

    def _background(self, frame: Frame, apart: Image) -> Image:
        """Return the blurred background; the one of a moment ago will do, a blur hides its age."""
        form = (frame.size, frame.color, apart.shape)  # the last tells a cover from the room
        recent = 0 <= frame.pts - self._back_pts < self._interval_s
        if self._back is None or form != self._back_form or not recent:
            self._back = self._blur_i420(frame.image, apart, self._options.radius_px)
            self._back_form, self._back_pts = form, frame.pts
        return self._back

    def _blur_i420(self, image: Image, apart: Image, sigma_px: float) -> Image:
        if self._options.shape == "lens":
            return blur_lens_i420(image, apart, sigma_px, self._options.highlights)
        return blur_i420(image, apart, sigma_px)

    def _blur_bgr(self, image: Image, apart: Image, sigma_px: float) -> Image:
        if self._options.shape == "lens":
            return blur_lens_bgr(image, apart, sigma_px, self._options.highlights)
        return blur_bgr(image, apart, sigma_px)

    def set_reduced_rate(self, *, on: bool) -> None:
        """Blur the background anew 4 times a second at most, or as often as the options say."""
        self._interval_s = max(self._usual_s, EASED_S) if on else self._usual_s

    def close(self) -> None:
        """Nothing to release."""


def _kept_apart(small: Image, alpha: Image | None) -> Image:
    """Return how much each pixel of a mask's size stays out of the blur.

    The foreground does, and what is transparent: its colors count as much as they are seen.
    """
    if alpha is None:
        return small
    size = small.shape[1], small.shape[0]
    seen = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.max(small, cv2.bitwise_not(seen)))
