"""Product pictures, as web shops ask for them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.effects.backgrounds import open_background
from rimlight.imaging.fit import Fit
from rimlight.imaging.foreground import foreground_colors
from rimlight.imaging.over import composite_bgr
from rimlight.imaging.product import Canvas, place, with_shadow


def _share(value: Any) -> Any:
    percent = re.fullmatch(r"\s*([\d.]+)\s*%\s*", value) if isinstance(value, str) else None
    return float(percent[1]) / 100 if percent else value


Share = Annotated[float, BeforeValidator(_share)]
"""A part of a whole: 0.08, or "8%"."""


class ProductEffect:
    """Puts what was cut out on a canvas: trimmed, with a margin, square, with a shadow, one size.

    It comes after `cutout`, and shows the object in its own colors, without a rim of the room's.
    Without any option it does nothing.
    """

    class Options(opt.Options):
        """The canvas, and what is under and behind the object."""

        trim: Annotated[bool, Field(description="cut away what is empty around it")] = False
        margin: Annotated[
            Share, Field(ge=0, lt=0.45, description="room around it: 8% of the longer side")
        ] = 0.0
        square: Annotated[bool, Field(description="as wide as high")] = False
        size_px: Annotated[
            int | None, Field(ge=1, le=16384, description="length of the longer side")
        ] = None
        shadow: Annotated[float, Field(ge=0, le=1, description="opacity of a shadow")] = 0.0
        background: Annotated[
            str | None, Field(description="a color, or a picture file; none: transparent")
        ] = None
        fit: Annotated[Fit, Field(description="how a picture meets the canvas")] = "fill"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._canvas = Canvas(options.trim, options.margin, options.square, options.size_px)
        self._background = None
        if options.background is not None:
            self._background = open_background(
                options.background, fit=options.fit, backdrop=(0, 0, 0)
            )

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return the picture on its canvas."""
        if self._options == type(self._options)():
            return frame
        if frame.alpha is None:  # nothing was cut out, so all of it is the object
            opaque = np.full(frame.bgr.shape[:2], 255, np.uint8)
            bgr, alpha = place(frame.bgr, opaque, self._canvas)
        else:
            bgr, alpha = place(frame.bgr, frame.alpha, self._canvas)
            bgr = foreground_colors(bgr, alpha)
        if self._options.shadow:
            bgr, alpha = with_shadow(bgr, alpha, self._options.shadow)
        made = frame.with_bgr(bgr, alpha)
        if self._background is None:
            return made
        return frame.with_bgr(composite_bgr(bgr, self._background.behind(made), alpha))

    def close(self) -> None:
        """Close the background."""
        if self._background is not None:
            self._background.close()
