"""A transparent background."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.effects.keep import Keep, full_alpha, small_alpha
from rimlight.imaging.pool import ArrayPool
from rimlight.imaging.rim import (
    with_own_colors,
    with_own_colors_bgr,
    without_room,
    without_room_bgr,
)


class CutoutEffect:
    """Makes everything but the foreground transparent; the sink must be able to hold alpha.

    Nothing of the background is left in the colors below: not where it cannot be seen at all, and
    not where next to nothing of it can be seen.
    """

    class Options(opt.Options):
        """What stays."""

        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None
        own_colors: Annotated[
            bool, Field(description="take the old background's colors out of the soft edge")
        ] = True

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self._own_colors = options.own_colors
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame`, seen through the mask."""
        alpha = full_alpha(frame, mask, self._keep)
        return self._cleaned(frame, mask).with_alpha(alpha)

    def _cleaned(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the foreground's own colors in its soft edge and around it."""
        small, edges = small_alpha(mask, self._keep), mask.edges
        if frame.layout == "bgr":
            clean = with_own_colors_bgr if self._own_colors else without_room_bgr
            return frame.with_bgr(clean(frame.image, small, edges))
        out = self._pool.take(frame.image.shape)
        if self._own_colors:
            return frame.with_i420(with_own_colors(frame.image, small, edges, out, deep=True))
        return frame.with_i420(without_room(frame.image, small, edges, out))

    def close(self) -> None:
        """Nothing to release."""
