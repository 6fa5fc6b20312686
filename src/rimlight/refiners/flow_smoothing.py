"""Masks drawn towards that of a neighboring frame, carried along the motion between the two."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging.flow import FlowEstimator, Luma, downscale_luma, resize_remap, warp
from rimlight.imaging.masks import compute_squared_entropy

Scores = NDArray[np.float32]

CUT = 0.5
"""From this mean change of the whole mask on it is a cut too."""
CUT_LEVELS = 18
"""And from this mean difference that no motion explains, in levels of luma: clips have 10 at most
within a scene and 22 at least from one to another."""

EMPTY = 3
"""After this many masks in a row without anyone, nobody is there."""


class FlowOptions(opt.Options):
    """How much a neighboring frame's mask counts."""

    flow_weight: Annotated[
        float,
        Field(ge=0, lt=1, description="weight of the other mask where motion explains the image"),
    ] = 0.95
    flow_tolerance: Annotated[
        float,
        Field(
            gt=0, le=255, description="gray levels that the image may differ from the warped one"
        ),
    ] = 8.0
    previous_weight: Annotated[
        float, Field(ge=0, lt=1, description="minimum weight of the other mask at p = 0.5")
    ] = 0.7


@dataclass(frozen=True, slots=True)
class FlowLink:
    """How the mask of one frame comes over from a neighbor.

    Attributes:
        origins: float32 (h, w, 2) at the mask's size: where its pixels lie in the neighbor's mask.
        weight: float32 (h, w) in [0, 1): how much the neighbor counts there.
    """

    remap: Scores
    weight: Scores


class FlowLinker:
    """Computes the weight of a neighboring frame's mask for each pixel.

    The neighbor is warped along the optical flow of the small luma images. Its weight is
    `flow_weight` where both images agree after warping, and falls by a Gaussian of
    `flow_tolerance` levels where they differ. Uncertain scores of a single class keep a weight of
    at least `previous_weight` times their squared entropy.
    """

    def __init__(self, options: FlowOptions) -> None:
        self._trust = _trust_levels(options.flow_weight, options.flow_tolerance)
        self._unsure = np.float32(options.previous_weight) * compute_squared_entropy()
        self._motion = FlowEstimator()

    def link(self, mask: Mask, luma: Luma, *, other: Mask, other_luma: Luma) -> FlowLink | None:
        """Return how `mask` comes over from `other`; None where the pictures show a cut.

        Args:
            mask: scores, of the frame that `luma` is the small picture of (see `downscale_luma`).
            luma: uint8 (h, w).
            other: scores of the neighbor, of the same classes.
            other_luma: uint8 (h, w), the same shape as `luma`.
        """
        origins = self._motion.estimate_remap(other_luma, luma)
        difference = cv2.absdiff(warp(other_luma, origins), luma)
        if cv2.mean(difference)[0] >= CUT_LEVELS:
            return None
        trust = cv2.LUT(cv2.blur(difference, (3, 3)), self._trust)
        weight = _sized(trust, mask.shape)
        if len(mask.classes) == 1:
            levels = cv2.convertScaleAbs(mask.scores[..., 0], alpha=255)
            weight = cast(Scores, cv2.max(weight, cv2.LUT(levels, self._unsure)))
        return FlowLink(resize_remap(origins, other.shape, mask.shape), weight)


def blend_towards(mask: Mask, other: Mask, link: FlowLink) -> Mask:
    """Return `mask`, drawn towards `other` along `link`; `mask` itself where that is a cut.

    One weight goes for all classes: scores that added up to 1 still do.
    """
    new = mask.scores
    change = cv2.subtract(warp(other.scores, link.remap).reshape(new.shape), new)
    change = change.reshape(new.shape)
    if float(cv2.norm(change.reshape(-1), cv2.NORM_L1)) >= CUT * change.size:
        return mask
    np.multiply(change, link.weight[..., None], out=change)
    return mask.with_scores(np.add(change, new, out=change))


def is_empty(mask: Mask) -> bool:
    """Say whether no score of `mask` is 0.5 or more."""
    return cv2.minMaxLoc(mask.data.reshape(-1))[1] < 0.5


def _sized(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    if values.shape[:2] == shape:
        return values
    return cv2.resize(values, (shape[1], shape[0]))


@lru_cache(maxsize=8)
def _trust_levels(weight: float, tolerance: float) -> Scores:
    """Weight of the neighbor for each of 256 levels of what the motion leaves unexplained."""
    levels = np.arange(256) / tolerance
    return cast(Scores, (weight * np.exp(-levels * levels)).astype(np.float32))


class FlowSmoothRefiner(RefinerTraits):
    """Temporal smoothing along the motion of the picture.

    The previous mask is warped along the optical flow of the small luma image. Where the warped
    image matches the current one, the previous mask has the weight `flow_weight`. Where it does
    not (something came into view, or moved too fast to be tracked), the new mask replaces it
    immediately; only uncertain scores keep `previous_weight`, as in `smooth`. So the mask neither
    flickers nor trails behind. Warping the past mask along flow is PP-HumanSeg's idea;
    that the residual decides is the temporal denoisers' (Dubois and Sabri, ICASSP 1984).

    The past is forgotten when the mask's classes change, time does not go on, or jumps by a
    second or more, at a cut (half of the mask changes at once, or no motion explains the picture),
    and when three masks in a row show nobody, so that an empty scene has an empty mask. Label
    masks have no scores and pass unchanged.
    """

    optional = True

    class Options(FlowOptions):
        """How steady: the other mask is that of the frame before."""

    def __init__(self, options: Options) -> None:
        self._linker = FlowLinker(options)
        self._empty = 0
        self._past: Mask | None = None
        self._luma: Luma = np.empty((0, 0), np.uint8)
        self._pts = Fraction(0)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask`, drawn towards the one before it where the picture gives no reason."""
        if mask.data.dtype == np.uint8:
            return mask
        self._empty = self._empty + 1 if is_empty(mask) else 0
        luma = downscale_luma(frame.luma_or_bgr, mask.shape)
        past, counts = self._past, is_continuous(self._pts, frame.pts) and self._empty < EMPTY
        counts = counts and luma.shape == self._luma.shape
        if past is not None and counts and past.classes == mask.classes:
            link = self._linker.link(mask, luma, other=past, other_luma=self._luma)
            mask = mask if link is None else blend_towards(mask, past, link)
        self._past, self._luma, self._pts = mask, luma, frame.pts
        return mask

    def close(self) -> None:
        """Forget the past."""
        self._past = None
