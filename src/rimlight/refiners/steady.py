"""Masks that hold still where the picture does, and move along with it where it moves."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight import options as opt
from rimlight.frame import Frame, Mask
from rimlight.imaging.flow import Luma, MotionField, carry
from rimlight.imaging.masks import entropy_squared

Scores = NDArray[np.float32]

MAX_GAP_S = 1
"""From this step in time on it is a cut, or another picture: the past no longer counts."""
CUT = 0.5
"""From this mean change of the whole mask on it is a cut too."""
EMPTY = 3
"""After so many masks without anyone in a row nobody is there, whatever the past says."""
FLOW_SIDE = 256
"""Motion is looked for with the longer side at most this many pixels."""


class SteadyRefiner:
    """Temporal smoothing along the motion of the picture.

    The mask before is carried along the optical flow of the small luma picture. Where that
    explains the picture (what was carried there looks the same) it counts with weight `hold`;
    where it does not (something came into view, or moved too fast to be followed) the new mask is
    taken over at once, except that unsure scores still hold by `ratio`, as `smooth` does it. So
    it neither flickers nor trails behind. Warping the past mask along flow is PP-HumanSeg's idea;
    that the residual decides is the temporal denoisers' (Dubois and Sabri, ICASSP 1984).

    The past is forgotten when the mask's classes change, time does not go on, or jumps by a
    second or more, at a cut (half of the mask changes at once), and when three masks in a row
    show nobody, so that an empty scene has an empty mask. Label masks have no
    scores and pass unchanged.
    """

    class Options(opt.Options):
        """How steady."""

        hold: Annotated[
            float, Field(ge=0, lt=1, description="weight of the past where the motion explains it")
        ] = 0.95
        slack: Annotated[
            float, Field(gt=0, le=255, description="levels that the picture may differ from it")
        ] = 8.0
        ratio: Annotated[
            float, Field(ge=0, lt=1, description="least weight of the past where p = 0.5")
        ] = 0.7

    def __init__(self, options: Options) -> None:
        self._trust = _trust_levels(options.hold, options.slack)
        self._unsure = np.float32(options.ratio) * entropy_squared()
        self._motion = MotionField()
        self._empty = 0
        self._past: Mask | None = None
        self._luma: Luma = np.empty((0, 0), np.uint8)
        self._pts = Fraction(0)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask`, drawn towards the one before it where the picture gives no reason."""
        if mask.given.dtype == np.uint8:
            return mask
        self._empty = 0 if cv2.minMaxLoc(mask.given.reshape(-1))[1] >= 0.5 else self._empty + 1
        luma = small_luma(frame, _flow_size(mask.shape))
        past, gap = self._past, frame.pts - self._pts
        goes_on = past is not None and past.classes == mask.classes and 0 < gap < MAX_GAP_S
        goes_on = goes_on and self._empty < EMPTY
        if past is not None and goes_on and luma.shape == self._luma.shape:
            mask = self._mixed(mask, past, luma)
        self._past, self._luma, self._pts = mask, luma, frame.pts
        return mask

    def close(self) -> None:
        """Forget the past."""
        self._past = None

    def _mixed(self, mask: Mask, before: Mask, luma: Luma) -> Mask:
        new = mask.scores
        origins = self._motion.origins(self._luma, luma)
        residual = cv2.blur(cv2.absdiff(carry(self._luma, origins), luma), (3, 3))
        weight = _sized(cv2.LUT(residual, self._trust), mask.shape)
        past = carry(before.scores, _scaled(origins, before.shape, mask.shape))
        change = cv2.subtract(past.reshape(new.shape), new)
        if float(cv2.norm(change, cv2.NORM_L1)) >= CUT * change.size:
            return mask
        if new.shape[2] == 1:
            levels = cv2.convertScaleAbs(new[..., 0], alpha=255)
            weight = cv2.max(weight, cv2.LUT(levels, self._unsure))
        # One weight for all classes: scores that added up to 1 still do.
        change = change.reshape(new.shape) * weight[..., None]
        return mask.with_scores(np.add(change, new, out=change))


def small_luma(frame: Frame, size: tuple[int, int]) -> Luma:
    """Return the luma of `frame`, stretched to `size` (width, height)."""
    if frame.layout == "i420":
        width, height = frame.size
        return cast(Luma, cv2.resize(frame.image[:height, :width], size))
    return cast(Luma, cv2.cvtColor(cv2.resize(frame.image, size), cv2.COLOR_BGR2GRAY))


def _flow_size(shape: tuple[int, int]) -> tuple[int, int]:
    """(width, height) at which motion is looked for in masks of `shape`."""
    scale = min(1.0, FLOW_SIDE / max(shape))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _sized(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    if values.shape[:2] == shape:
        return values
    return cv2.resize(values, (shape[1], shape[0]))


def _scaled(origins: Scores, source: tuple[int, int], shape: tuple[int, int]) -> Scores:
    """Return `origins` for every pixel of a mask of `shape`, as places in a mask of `source`."""
    if origins.shape[:2] == source == shape:
        return origins
    ratio = np.array([source[1] / origins.shape[1], source[0] / origins.shape[0]], np.float32)
    # Pixel centres lie half a pixel in, whatever its size.
    return cast(Scores, _sized((origins + np.float32(0.5)) * ratio - np.float32(0.5), shape))


@lru_cache(maxsize=8)
def _trust_levels(hold: float, slack: float) -> Scores:
    """Weight of the past for each of 256 levels of what the motion leaves unexplained."""
    levels = np.arange(256) / slack
    return cast(Scores, (hold * np.exp(-levels * levels)).astype(np.float32))
