"""A blurred background."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight import options as opt
from rimlight.effects.keep import Keep, full_alpha, small_alpha
from rimlight.frame import Frame, Mask
from rimlight.imaging.blur import blurred_bgr, blurred_small
from rimlight.imaging.composite import Compositor, composite_bgr


class BlurEffect:
    """Blurs what is not in the foreground; the person's colours do not smear into it."""

    class Options(opt.Options):
        """How much is blurred."""

        main: ClassVar[str | None] = "radius_px"

        radius_px: Annotated[
            float, Field(gt=0, le=500, description="sigma of the Gaussian, in frame pixels")
        ] = 20.0
        keep: Annotated[
            Keep, Field(description="classes that stay sharp; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._options = options
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with a blurred background, as transparent as it was."""
        sigma_px, keep = self._options.radius_px, self._options.keep
        small = small_alpha(mask, keep)
        if frame.layout == "bgr":
            alpha = full_alpha(frame, mask, keep)
            back = blurred_bgr(frame.image, small, sigma_px)
            return replace(frame, image=composite_bgr(frame.image, back, alpha))
        back = blurred_small(frame.image, small, sigma_px)
        shown = self._compositor.composite(frame.image, back, small, mask.edges)
        return replace(frame, image=shown)

    def close(self) -> None:
        """Nothing to release."""
