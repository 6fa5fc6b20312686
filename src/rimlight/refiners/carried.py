"""Masks drawn towards that of a neighboring frame, carried along the motion between the two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Mask
from rimlight.imaging.flow import Luma, MotionField, carry, origins_at
from rimlight.imaging.masks import entropy_squared

Scores = NDArray[np.float32]

CUT = 0.5
"""From this mean change of the whole mask on it is a cut too."""
CUT_LEVELS = 18
"""And from this mean difference that no motion explains, in levels of luma: clips have 10 at most
within a scene and 22 at least from one to another."""


class Holding(opt.Options):
    """How much a neighboring frame's mask counts."""

    hold: Annotated[
        float, Field(ge=0, lt=1, description="weight of the other mask where motion explains it")
    ] = 0.95
    slack: Annotated[
        float, Field(gt=0, le=255, description="levels that the picture may differ from it")
    ] = 8.0
    ratio: Annotated[
        float, Field(ge=0, lt=1, description="least weight of the other mask where p = 0.5")
    ] = 0.7


@dataclass(frozen=True, slots=True)
class Link:
    """How the mask of one frame comes over from a neighbor.

    Attributes:
        origins: float32 (h, w, 2) at the mask's size: where its pixels lie in the neighbor's mask.
        weight: float32 (h, w) in [0, 1): how much the neighbor counts there.
    """

    origins: Scores
    weight: Scores


class Linker:
    """Says how much a neighboring frame's mask counts, pixel by pixel.

    The neighbor is carried along the optical flow of the small luma pictures. Where what was
    carried looks the same it counts with weight `hold`, and less by a Gaussian of `slack` levels
    where it does not; unsure scores of a single class hold by `ratio` times their squared entropy
    at least.
    """

    def __init__(self, holding: Holding) -> None:
        self._trust = _trust_levels(holding.hold, holding.slack)
        self._unsure = np.float32(holding.ratio) * entropy_squared()
        self._motion = MotionField()

    def link(self, mask: Mask, luma: Luma, *, other: Mask, other_luma: Luma) -> Link | None:
        """Return how `mask` comes over from `other`; None where the pictures show a cut.

        Args:
            mask: scores, of the frame that `luma` is the small picture of (see `shrunk_luma`).
            luma: uint8 (h, w).
            other: scores of the neighbor, of the same classes.
            other_luma: uint8 (h, w), the same shape as `luma`.
        """
        origins = self._motion.origins(other_luma, luma)
        difference = cv2.absdiff(carry(other_luma, origins), luma)
        if cv2.mean(difference)[0] >= CUT_LEVELS:
            return None
        trust = cv2.LUT(cv2.blur(difference, (3, 3)), self._trust)
        weight = _sized(trust, mask.shape)
        if len(mask.classes) == 1:
            levels = cv2.convertScaleAbs(mask.scores[..., 0], alpha=255)
            weight = cast(Scores, cv2.max(weight, cv2.LUT(levels, self._unsure)))
        return Link(origins_at(origins, other.shape, mask.shape), weight)


def drawn(mask: Mask, other: Mask, link: Link) -> Mask:
    """Return `mask`, drawn towards `other` along `link`; `mask` itself where that is a cut.

    One weight goes for all classes: scores that added up to 1 still do.
    """
    new = mask.scores
    change = cv2.subtract(carry(other.scores, link.origins).reshape(new.shape), new)
    change = change.reshape(new.shape)
    if float(cv2.norm(change.reshape(-1), cv2.NORM_L1)) >= CUT * change.size:
        return mask
    np.multiply(change, link.weight[..., None], out=change)
    return mask.with_scores(np.add(change, new, out=change))


def is_empty(mask: Mask) -> bool:
    """Say whether no score of `mask` is 0.5 or more."""
    return cv2.minMaxLoc(mask.given.reshape(-1))[1] < 0.5


def _sized(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    if values.shape[:2] == shape:
        return values
    return cv2.resize(values, (shape[1], shape[0]))


@lru_cache(maxsize=8)
def _trust_levels(hold: float, slack: float) -> Scores:
    """Weight of the neighbor for each of 256 levels of what the motion leaves unexplained."""
    levels = np.arange(256) / slack
    return cast(Scores, (hold * np.exp(-levels * levels)).astype(np.float32))
