"""Edges as sharp as the picture: a crisp cut-out of a soft picture looks pasted."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Annotated

import numpy as np
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask, goes_on
from rimlight.imaging.masks import feather
from rimlight.imaging.sharpness import Outline, look_at_outline

NEW = 0.3
"""What a new look counts beside those before it: the edge must not pulsate."""
GAUSSIAN = math.sqrt(2 * math.pi)
"""A step blurred by sigma rises by 1 / (GAUSSIAN * sigma) in a pixel."""
SMOOTH_STEP = 1.5
"""A smooth step of width 1 rises by this."""
STEPS = 64
"""Widths of the ramp that are told apart: compositors remember tables for each."""


class MatchRefiner:
    """Makes the edge of the mask as soft as the picture is there.

    Once a second it looks how blurred the picture is along the outline, and chooses the width of
    the smooth step at which alpha rises as a step that was blurred so would; where even the whole
    width is too sharp, the mask is feathered. The place of the outline, where alpha is a half,
    stays. Where the outline shows no edge in the picture, the last looks hold.

    Only masks of a single class are changed: labels and several classes have no one outline.
    """

    class Options(opt.Options):
        """How often it looks, and how sharp edges may be."""

        every_s: Annotated[
            float, Field(gt=0, le=60, description="seconds between two looks at the picture")
        ] = 1.0
        least: Annotated[
            float,
            Field(gt=0, le=1, description="scores that the narrowest edge spans; less shows cells"),
        ] = 0.3

    def __init__(self, options: Options) -> None:
        self._every_s = Fraction(options.every_s)
        self._least = options.least
        self._seen: Outline | None = None
        self._looked: Fraction | None = None
        self._pts = Fraction(0)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with an edge that fits the picture."""
        if mask.given.dtype == np.uint8 or len(mask.classes) != 1:
            return mask
        if not goes_on(self._pts, frame.pts):
            self.close()
        self._pts = frame.pts
        if self._looked is None or frame.pts - self._looked >= self._every_s:
            self._looked = frame.pts
            self._seen = _mean(self._seen, look_at_outline(mask.scores[..., 0], frame.luma_or_bgr))
        return mask if self._seen is None else self._matched(mask, self._seen, frame)

    def close(self) -> None:
        """Forget how soft the picture was."""
        self._seen = self._looked = None

    def _matched(self, mask: Mask, seen: Outline, frame: Frame) -> Mask:
        """Return `mask` rising at the outline as the picture does."""
        width = max(self._least, SMOOTH_STEP * GAUSSIAN * seen.slope * seen.blur_px)
        if width > 1:
            own_px = 1 / (GAUSSIAN * seen.slope)
            more_px = math.sqrt((SMOOTH_STEP * seen.blur_px) ** 2 - own_px**2)
            sigma_px = more_px * mask.shape[1] / frame.size[0]
            mask = mask.with_scores(feather(mask.scores, sigma_px).reshape(mask.given.shape))
        middle = sum(mask.edges) / 2
        half = min(math.ceil(width * STEPS) / STEPS / 2, middle, 1 - middle)
        return replace(mask, edges=(middle - half, middle + half))


def _mean(before: Outline | None, now: Outline | None) -> Outline | None:
    """Return the running mean of looks; one that told nothing does not count."""
    if before is None or now is None:
        return now or before
    slope = before.slope + NEW * (now.slope - before.slope)
    return Outline(slope, before.blur_px + NEW * (now.blur_px - before.blur_px))
