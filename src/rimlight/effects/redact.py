"""Regions made unrecognizable, so that footage can be shared."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import check_classes
from rimlight.imaging.color import bgr_to_i420, round_up_to_even, split_planes
from rimlight.imaging.compositing.i420 import quantize
from rimlight.imaging.palette import parse_color

Image = NDArray[np.uint8]

MIN_LEVEL = 48
"""Levels (of 255) from which a pixel counts as found: rather too much is covered."""
_CELLS = 24
"""Cells of the coarse picture along the shorter side; nobody is known by them."""

Reals = NDArray[np.float64]
Places = NDArray[np.intp]
PARTIAL_SHARE = 0.5
"""A region of which less than this is found is found in part: nobody shrinks so fast."""


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
            Literal["blur", "fill"], Field(description="coarse colors, or one color")
        ] = "blur"
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
        width, height = frame.size
        if frame.layout == "bgr":
            over = _make_cover(frame.image, self._options.style, self._color)
            large = cv2.resize(covered, (width, height), interpolation=cv2.INTER_NEAREST) > 0
            return frame.with_bgr(np.where(large[..., None], over, frame.image), frame.alpha)
        return replace(frame, image=self._over_i420(frame, covered))

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
        around = cv2.dilate(found.astype(np.uint8), kernel)
        return self._memory.update(cast(Image, around), frame.pts)

    def _over_i420(self, frame: Frame, covered: Image) -> Image:
        out = frame.image.copy()
        fill = bgr_to_i420(np.full((2, 2, 3), self._color, np.uint8), frame.color)
        large = (
            cv2.resize(covered, round_up_to_even(frame.size), interpolation=cv2.INTER_NEAREST) > 0
        )
        # A pixel of half size is covered where any of its four is.
        small = large[::2, ::2] | large[1::2, ::2] | large[::2, 1::2] | large[1::2, 1::2]
        for target, level in zip(split_planes(out), split_planes(fill), strict=True):
            over = _make_cover(target, self._options.style, (int(level[0, 0]),))
            np.copyto(target, over, where=large if target.shape == large.shape else small)
        return out


def _make_cover(picture: Image, style: str, color: tuple[int, ...]) -> Image:
    """Return what stands in for `picture` (h, w) or (h, w, 3), of the same shape."""
    height, width = picture.shape[:2]
    if style == "fill":
        return np.broadcast_to(np.array(color, np.uint8), (height, width, len(color))).reshape(
            picture.shape
        )
    ratio = _CELLS / min(height, width)
    small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


class RedactionMemory:
    """Remembers what was found, pixel by pixel.

    Everything found stays covered for some frames. A region that was found whole and of which only
    a part is found now stays covered as a whole for longer: models that know somebody at once lose
    the back of a head or a coat, and find them again.

    Args:
        frames: how long a region stays covered of which nothing is found any more.
        hold_s: how long after it was found whole a region stays covered of which a part is found.
    """

    def __init__(self, *, frames: int, hold_s: float) -> None:
        self._frames = frames
        self._hold_s = hold_s
        self._at = Fraction(0)
        self._left: Image = np.zeros((0, 0), np.uint8)
        # How large the region was, in pixels, that a pixel belonged to, and when it was whole.
        self._area: Reals = np.zeros(0)
        self._since: Reals = np.zeros(0)

    def update(self, found: Image, at: Fraction) -> Image:
        """Take in one frame.

        Args:
            found: uint8 (h, w), not 0 where something is found that must be covered.
            at: when, in seconds.

        Returns:
            uint8 (h, w): for how many frames each pixel stays covered, this one included.
        """
        if self._left.shape != found.shape or not is_continuous(self._at, at):
            self._left = np.zeros_like(found)
            self._area, self._since = np.zeros(found.size), np.zeros(found.size)
        self._at = at
        _, labels = cv2.connectedComponents(cv2.max(self._left, found))
        some = np.flatnonzero(labels)
        now = found.reshape(-1)[some] > 0
        pieces = labels.reshape(-1)[some].astype(np.intp)
        held, area, since = self._pieces(some, pieces, now, float(at))
        left = self._left.reshape(-1) - (self._left.reshape(-1) > 0)
        left[some[held]] = self._left.reshape(-1)[some[held]]
        left[some[now]] = self._frames + 1
        self._area[some[now]], self._since[some[now]] = area[now], since[now]
        self._left = left.reshape(found.shape)
        return self._left

    def reset(self) -> None:
        """Cover nothing but what is found from now on."""
        self._left = np.zeros((0, 0), np.uint8)

    def _pieces(
        self, some: Places, pieces: Places, now: NDArray[np.bool_], at_s: float
    ) -> tuple[NDArray[np.bool_], Reals, Reals]:
        """Return which pixels are held, and how large and when each pixel's region was whole.

        Args:
            some: the pixels that are looked at: all that are found or stay covered.
            pieces: the number of the connected piece, from 1, that each belongs to.
            now: whether each is found now.
            at_s: the time.
        """
        count = int(pieces.max(initial=0)) + 1
        found = np.bincount(pieces[now], minlength=count).astype(np.float64)
        area, since = self._area[some], self._since[some]
        known = (self._left.reshape(-1)[some] > 0) & (since >= at_s - self._hold_s)
        whole, when = np.zeros(count), np.zeros(count)
        np.maximum.at(whole, pieces[known], area[known])
        largest = known & (area == whole[pieces])
        np.maximum.at(when, pieces[largest], since[largest])
        in_part = (found > 0) & (found < PARTIAL_SHARE * whole)
        when, whole = np.where(in_part, when, at_s), np.where(in_part, whole, found)
        return in_part[pieces], whole[pieces], when[pieces]
