"""A transparent background."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rimlight import options as opt
from rimlight.effects.keep import Keep, full_alpha, small_alpha
from rimlight.frame import Frame, Mask
from rimlight.imaging.pool import ArrayPool
from rimlight.imaging.rim import with_own_colours, with_own_colours_bgr


class CutoutEffect:
    """Makes everything but the foreground transparent; the sink must be able to hold alpha."""

    class Options(opt.Options):
        """What stays."""

        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None
        own_colours: Annotated[
            bool, Field(description="take the old background's colours out of the soft edge")
        ] = True

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._own_colours = options.own_colours
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame`, seen through the mask."""
        alpha = full_alpha(frame, mask, self._keep)
        return (self._cleaned(frame, mask) if self._own_colours else frame).with_alpha(alpha)

    def _cleaned(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the foreground's own colours in its soft edge."""
        small = small_alpha(mask, self._keep)
        if frame.layout == "bgr":
            return frame.with_bgr(with_own_colours_bgr(frame.image, small, mask.edges))
        out = self._pool.take(frame.image.shape)
        return frame.with_i420(with_own_colours(frame.image, small, mask.edges, out, deep=True))

    def close(self) -> None:
        """Nothing to release."""
