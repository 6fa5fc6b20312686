"""Regions made unrecognizable, so that footage can be shared."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import check_classes
from rimlight.effects.redaction_memory import RedactionMemory
from rimlight.imaging.color import bgr_to_i420, round_up_to_even, split_planes
from rimlight.imaging.compositing.i420 import quantize
from rimlight.imaging.palette import parse_color

Image = NDArray[np.uint8]

MIN_LEVEL = 48
"""Levels (of 255) from which a pixel counts as found: rather too much is covered."""
_CELLS = 24
"""Cells of the coarse picture along the frame's shorter side."""
_REGION_CELLS = 8
"""Most cells along a region's shorter side: a face that fills the frame is not known by them."""

Box = tuple[int, int, int, int]


class RedactEffect(EffectTraits):
    """Covers regions of some classes, and keeps them covered for some frames after.

    A region that the model misses for up to `max_age` frames stays covered where it was last found,
    so that nobody shows between two good masks; one of which it finds a part stays covered whole.

    Raises:
        ConfigError: the model has no class of a name.
    """

    redacts = True

    class Options(opt.Options):
        """What is covered, with what, and for how long."""

        classes: Annotated[tuple[str, ...], Field(min_length=1, description="what is covered")] = (
            "person",
        )
        style: Annotated[
            Literal["blur", "pixelate", "fill"],
            Field(description="coarse colors, smooth or in squares, or one color"),
        ] = "blur"
        shape: Annotated[
            Literal["mask", "ellipse", "box"],
            Field(description="the mask as it is, or the ellipse or box around each region"),
        ] = "mask"
        color: Annotated[str, Field(description="of a fill")] = "black"
        max_age: Annotated[
            int, Field(ge=0, le=250, description="frames that an undetected region stays covered")
        ] = 10
        hold_s: Annotated[
            float,
            Field(ge=0, le=60, description="seconds that all stays covered of which part is found"),
        ] = 10
        margin: Annotated[
            float, Field(ge=0, le=0.2, description="how far around, as a share of the height")
        ] = 0.02

    def __init__(self, options: Options) -> None:
        self._options = options
        self._color = parse_color(options.color)
        self._memory = RedactionMemory(frames=options.max_age, hold_s=options.hold_s)

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the regions covered."""
        check_classes(self._options.classes, mask.classes)
        covered = self._covered(mask, frame)
        if not covered.any():
            return frame
        regions = [scale_box(box, covered.shape, frame.size) for box in find_regions(covered)]
        out = frame.image.copy()
        if frame.layout == "bgr":
            large = cv2.resize(covered, frame.size, interpolation=cv2.INTER_NEAREST) > 0
            for box in regions:
                self._cover(out, large, box, self._color, min(frame.size))
            return frame.with_bgr(out, frame.alpha)
        self._cover_i420(out, frame, covered, regions)
        return replace(frame, image=out)

    def close(self) -> None:
        """Forget what was covered."""
        self._memory.reset()

    def _covered(self, mask: Mask, frame: Frame) -> Image:
        """Return how many frames each mask pixel stays covered, this one included."""
        if mask.is_finite:
            found = quantize(mask.alpha(self._options.classes)) >= MIN_LEVEL
        else:  # nobody knows where they are
            found = np.ones(mask.shape, bool)
        radius = round(self._options.margin * mask.shape[0]) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        around = cast(Image, cv2.dilate(found.astype(np.uint8), kernel))
        return self._memory.update(_fill_shapes(around, self._options.shape), frame.pts)

    def _cover_i420(self, out: Image, frame: Frame, covered: Image, regions: list[Box]) -> None:
        fill = bgr_to_i420(np.full((2, 2, 3), self._color, np.uint8), frame.color)
        large = (
            cv2.resize(covered, round_up_to_even(frame.size), interpolation=cv2.INTER_NEAREST) > 0
        )
        # A pixel of half size is covered where any of its four is.
        small = large[::2, ::2] | large[1::2, ::2] | large[::2, 1::2] | large[1::2, 1::2]
        for target, level in zip(split_planes(out), split_planes(fill), strict=True):
            step = 1 if target.shape == large.shape else 2
            for left, top, right, bottom in regions:
                box = left // step, top // step, -(-right // step), -(-bottom // step)
                where = large if step == 1 else small
                self._cover(target, where, box, (int(level[0, 0]),), min(frame.size) // step)

    def _cover(
        self,
        out: Image,
        covered: NDArray[np.bool_],
        box: Box,
        color: tuple[int, ...],
        frame_side: int,
    ) -> None:
        """Cover what is marked within `box` of a picture, in place."""
        left, top, right, bottom = box
        window, where = out[top:bottom, left:right], covered[top:bottom, left:right]
        cell = max(frame_side / _CELLS, min(window.shape[:2]) / _REGION_CELLS)
        over = _make_cover(window, self._options.style, color, cell)
        np.copyto(window, over, where=where if out.ndim == 2 else where[..., None])


def find_regions(covered: Image) -> list[Box]:
    """Return the bounds (left, top, right, bottom) of each connected region that is not 0."""
    marked = (covered > 0).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(marked)
    return [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist()]


def scale_box(box: Box, shape: tuple[int, ...], size: tuple[int, int]) -> Box:
    """Return the pixels of a picture of `size` in which a box of a grid of `shape` lies."""
    x, y = size[0] / shape[1], size[1] / shape[0]
    left, top, right, bottom = box
    # One more on each side: enlarging by nearest neighbors rounds either way.
    low = max(0, math.floor(left * x) - 1), max(0, math.floor(top * y) - 1)
    high = math.ceil(right * x) + 1, math.ceil(bottom * y) + 1
    return *low, min(size[0] + 1, high[0]), min(size[1] + 1, high[1])


def _fill_shapes(found: Image, shape: str) -> Image:
    """Return `found` with each region filled up to a box, or to the ellipse that touches it."""
    if shape == "mask":
        return found
    out = found.copy()
    for left, top, right, bottom in find_regions(found):
        if shape == "box":
            out[top:bottom, left:right] = 1
        else:
            center = (left + right - 1) / 2, (top + bottom - 1) / 2
            cv2.ellipse(out, (center, (right - left, bottom - top), 0.0), 1, cv2.FILLED)
    return out


def _make_cover(picture: Image, style: str, color: tuple[int, ...], cell_px: float) -> Image:
    """Return what stands in for `picture` (h, w) or (h, w, 3), of the same shape."""
    height, width = picture.shape[:2]
    if style == "fill":
        return np.broadcast_to(np.array(color, np.uint8), (height, width, len(color))).reshape(
            picture.shape
        )
    small = (max(1, round(width / cell_px)), max(1, round(height / cell_px)))
    coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_NEAREST if style == "pixelate" else cv2.INTER_LINEAR
    return cast(Image, cv2.resize(coarse, (width, height), interpolation=how))
