"""The pure colors of what is in front, to go with a matte."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.effects.keep import Keep, full_alpha
from rimlight.imaging.foreground import foreground_colors


class ForegroundEffect:
    """Shows the foreground's own colors, also where hair or motion lets the room shine through.

    With the matte of the same run it composites without a rim: matte * foreground +
    (1 - matte) * background.
    """

    class Options(opt.Options):
        """What is in front."""

        keep: Annotated[
            Keep, Field(description="classes that are in front; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._keep = options.keep

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return an opaque picture of the same size."""
        return frame.with_bgr(foreground_colors(frame.bgr, full_alpha(frame, mask, self._keep)))

    def close(self) -> None:
        """Nothing to release."""
