"""Edges as sharp as the picture: a crisp cut-out of a soft picture looks pasted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging.masks import feather

NEW = 0.3
"""Weight of a new measurement; the earlier ones have the rest, so the edge does not pulsate."""
GAUSSIAN = math.sqrt(2 * math.pi)
"""A step blurred by sigma rises by 1 / (GAUSSIAN * sigma) in a pixel."""
SMOOTH_STEP = 1.5
"""A smooth step of width 1 rises by this."""
STEPS = 64
"""Widths of the ramp that are told apart: compositors remember tables for each."""

Alpha = NDArray[np.float32]
Image = NDArray[np.uint8]
Points = NDArray[np.intp]
PATCHES = 24
"""Places along the outline that are looked at."""
LEAST_PLACES = 5
"""With fewer places that show an edge, nothing is told."""
LEAST_SLOPE = 2.0
"""Levels of luma per pixel from which on a slope is an edge, not noise."""
MOST_PX = 8.0
"""A blur beyond this cannot be told from one of this size."""
_SIDE = 48
_NARROW, _WIDE = 1.0, 2.5  # sigmas of the two looks
_STEP = 1 / 3  # variance of the two pixels that each slope is the difference across
_DEEPEST = 0.85  # where a mask rises from nothing at once to more than this it has no slope to tell
_RIM = 8  # pixels of a patch that its end spoils: three sigmas of the wider look


class MatchSharpnessRefiner(RefinerTraits):
    """Makes the edge of the mask as soft as the picture is there.

    Once a second it looks how blurred the picture is along the outline, and chooses the width of
    the smooth step at which alpha rises as a step that was blurred so would; where even the whole
    width is too sharp, the mask is feathered. The place of the outline, where alpha is a half,
    stays. Where the outline shows no edge in the picture, the last looks hold.

    Only masks of a single class are changed: labels and several classes have no one outline.
    """

    optional = True

    class Options(opt.Options):
        """How often it looks, and how sharp edges may be."""

        interval_s: Annotated[
            float, Field(gt=0, le=60, description="seconds between two measurements")
        ] = 1.0
        min_width: Annotated[
            float,
            Field(
                gt=0,
                le=1,
                description="scores that the narrowest edge spans; less shows the mask's cells",
            ),
        ] = 0.3

    def __init__(self, options: Options) -> None:
        self._interval_s = Fraction(options.interval_s)
        self._min_width = options.min_width
        self._seen: OutlineSharpness | None = None
        self._looked: Fraction | None = None
        self._pts = Fraction(0)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with an edge that fits the picture."""
        if mask.data.dtype == np.uint8 or len(mask.classes) != 1:
            return mask
        if not is_continuous(self._pts, frame.pts):
            self.close()
        self._pts = frame.pts
        if self._looked is None or frame.pts - self._looked >= self._interval_s:
            self._looked = frame.pts
            self._seen = _mean(self._seen, measure_outline(mask.scores[..., 0], frame.luma_or_bgr))
        return mask if self._seen is None else self._matched(mask, self._seen, frame)

    def close(self) -> None:
        """Forget how soft the picture was."""
        self._seen = self._looked = None

    def _matched(self, mask: Mask, seen: OutlineSharpness, frame: Frame) -> Mask:
        """Return `mask` rising at the outline as the picture does."""
        width = max(self._min_width, SMOOTH_STEP * GAUSSIAN * seen.slope * seen.blur_px)
        if width > 1:
            own_px = 1 / (GAUSSIAN * seen.slope)
            more_px = math.sqrt((SMOOTH_STEP * seen.blur_px) ** 2 - own_px**2)
            sigma_px = more_px * mask.shape[1] / frame.size[0]
            mask = mask.with_scores(feather(mask.scores, sigma_px).reshape(mask.data.shape))
        middle = sum(mask.alpha_range) / 2
        half = min(math.ceil(width * STEPS) / STEPS / 2, middle, 1 - middle)
        return replace(mask, alpha_range=(middle - half, middle + half))


def _mean(before: OutlineSharpness | None, now: OutlineSharpness | None) -> OutlineSharpness | None:
    """Return the running mean of looks; one that told nothing does not count."""
    if before is None or now is None:
        return now or before
    slope = before.slope + NEW * (now.slope - before.slope)
    return OutlineSharpness(slope, before.blur_px + NEW * (now.blur_px - before.blur_px))


@dataclass(frozen=True, slots=True)
class OutlineSharpness:
    """How soft a mask's outline is, and the picture there.

    Attributes:
        slope: by how much the mask changes in a pixel of the picture, across the outline.
        blur_px: sigma of the Gaussian that blurred the picture, in pixels of it, 0 to
            `MOST_PX`.
    """

    slope: float
    blur_px: float


def measure_outline(alpha: Alpha, picture: Image) -> OutlineSharpness | None:
    """Return how soft the outline of a mask is, and by how much the picture is blurred there.

    A step that was blurred by sigma s has, after another blur of sigma a, a slope that falls with
    1 / sqrt(s^2 + a^2). The ratio of two such slopes therefore tells s (S. Zhuo and T. Sim,
    "Defocus map estimation from a single image", Pattern Recognition 44, 2011). It is taken where
    luma is steepest across the outline in each of some patches around it; the median counts.

    Args:
        alpha: float32 (h, w) in [0, 1], covering the picture.
        picture: uint8, luma (h, w) or BGR (h, w, 3).

    Returns:
        None where too few places of the outline differ from what is behind them.
    """
    rows, columns = _outline(alpha)
    height, width = picture.shape[:2]
    if min(width, height) < _SIDE or not rows.size:
        return None
    scale = width / alpha.shape[1], height / alpha.shape[0]
    across = _across(alpha, rows, columns, scale)
    steepness = np.linalg.norm(across, axis=1, keepdims=True)
    blur_px = _blur_px(_patches(picture, rows, columns, scale), across / steepness)
    if blur_px is None:
        return None
    # Cells lie just inside of the outline: there a logistic slope is 4 p (1 - p) of its greatest.
    level = alpha[rows, columns].clip(0.5, _DEEPEST)
    return OutlineSharpness(float(np.median(steepness[:, 0] / (4 * level * (1 - level)))), blur_px)


def _blur_px(patches: Alpha, normals: Alpha) -> float | None:
    narrow, wide = (_slopes(patches, sigma, normals) for sigma in (_NARROW, _WIDE))
    at = wide.argmax(axis=1)[:, None]
    sharp, soft = (np.take_along_axis(s, at, axis=1)[:, 0] for s in (narrow, wide))
    told = soft >= LEAST_SLOPE
    if np.count_nonzero(told) < LEAST_PLACES:
        return None
    ratio = np.maximum((sharp[told] / soft[told]) ** 2, 1 + 1e-3)
    squared = (_WIDE**2 - ratio * _NARROW**2) / (ratio - 1) - _STEP
    return float(np.median(np.sqrt(squared.clip(0, MOST_PX**2))))


def _outline(alpha: Alpha) -> tuple[Points, Points]:
    """Return rows and columns of up to `PATCHES` cells, spread along the mask's outline."""
    solid = (alpha >= 0.5).astype(np.uint8)
    inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
    found = np.flatnonzero(solid > inner)
    chosen = found[np.linspace(0, found.size - 1, min(PATCHES, found.size)).astype(np.intp)]
    return cast(tuple[Points, Points], np.unravel_index(chosen, alpha.shape))


def _across(
    alpha: Alpha, rows: Points, columns: Points, scale: tuple[float, float]
) -> NDArray[np.float32]:
    """Return the mask's slope at those cells, (n, 2), x then y, per pixel of the picture."""
    ways = ((1, 0), (0, 1))
    slopes = [cv2.Sobel(alpha, cv2.CV_32F, *way, scale=1 / 8)[rows, columns] for way in ways]
    found = np.stack(slopes, axis=1) / np.array(scale, np.float32)
    return cast(NDArray[np.float32], found + np.float32(1e-6))  # a cell alone has no slope


def _patches(picture: Image, rows: Points, columns: Points, scale: tuple[float, float]) -> Alpha:
    """Return the luma around those cells of a mask, float32 (n * side, side)."""
    height, width = picture.shape[:2]
    lefts = np.clip((columns + 0.5) * scale[0] - _SIDE / 2, 0, width - _SIDE).astype(int)
    tops = np.clip((rows + 0.5) * scale[1] - _SIDE / 2, 0, height - _SIDE).astype(int)
    corners = zip(lefts, tops, strict=True)
    cut = [picture[top : top + _SIDE, left : left + _SIDE] for left, top in corners]
    stacked = np.concatenate(cut)
    return cast(Alpha, (stacked if stacked.ndim == 2 else _gray(stacked)).astype(np.float32))


def _slopes(patches: Alpha, sigma: float, normals: NDArray[np.float32]) -> Alpha:
    """Return how steep each patch is along its normal, float32 (n, pixels), its rim left out."""
    soft = cv2.GaussianBlur(patches, (0, 0), sigma)
    inner = slice(_RIM, _SIDE - _RIM)
    steep = np.zeros((len(normals), _SIDE - 2 * _RIM, _SIDE - 2 * _RIM), np.float32)
    for way, along in (((1, 0), normals[:, 0]), ((0, 1), normals[:, 1])):
        slope = cv2.Sobel(soft, cv2.CV_32F, *way, ksize=1, scale=0.5)
        steep += slope.reshape(-1, _SIDE, _SIDE)[:, inner, inner] * along[:, None, None]
    return cast(Alpha, np.abs(steep).reshape(len(normals), -1))


def _gray(bgr: Image) -> Image:
    return cast(Image, cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
