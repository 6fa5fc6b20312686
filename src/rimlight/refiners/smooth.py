"""Steady masks: what is unsure follows its past, what is sure follows at once."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging import jit
from rimlight.imaging.masks import compute_squared_entropy
from rimlight.imaging.pool import ArrayPool

Scores = NDArray[np.float32]


class SmoothRefiner(RefinerTraits):
    """Temporal smoothing gated by uncertainty.

    The previous mask has the weight `previous_weight` * E(p)^2, where E is the binary entropy in
    bits of the new score p: 0 for scores of 0 and 1, `previous_weight` for 0.5. So edges and
    uncertain regions hold still, while a clear change applies immediately. The idea is that of
    MediaPipe's segmentation smoothing. Label masks have no scores and pass unchanged.

    The past is forgotten when the mask's shape changes, time does not go on, or jumps
    by a second or more, as it does from one picture of a folder to the next.
    """

    optional = True

    class Options(opt.Options):
        """How steady."""

        previous_weight: Annotated[
            float, Field(ge=0, lt=1, description="weight of the previous mask at p = 0.5")
        ] = 0.7

    def __init__(self, options: Options) -> None:
        self._previous_weight = options.previous_weight
        self._weights = np.float32(options.previous_weight) * compute_squared_entropy()
        self._past: Mask | None = None
        self._pts = Fraction(0)
        self._pool = ArrayPool()

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask`, drawn towards the one before it where it is unsure."""
        if mask.data.dtype == np.uint8:
            return mask
        past = self._past
        counts = past is not None and past.data.shape == mask.data.shape
        counts = counts and is_continuous(self._pts, frame.pts)
        steady = self._mixed(mask, past) if past and counts else mask
        self._past, self._pts = steady, frame.pts
        return steady

    def close(self) -> None:
        """Forget the past."""
        self._past = None

    def _mixed(self, mask: Mask, before: Mask) -> Mask:
        out: Scores = self._pool.acquire(mask.data.shape, np.float32)
        kernels = jit.get_kernels()
        if kernels is None:
            _smooth(mask.scores, before.scores, self._weights, out)
            return mask.with_scores(out)
        levels = self._pool.acquire(mask.data.shape)
        kernels.smooth(mask.scores, before.scores, _curve(self._previous_weight), out, levels)
        return mask.with_scores(out, levels[..., 0] if len(mask.classes) == 1 else None)


@lru_cache(maxsize=8)
def _curve(previous_weight: float) -> tuple[np.float32, ...]:
    """Return the past's share for a score s as a polynomial of s * (1 - s), highest power first.

    It is quicker than looking shares up, differs by less than a thousandth, and is 0 at both ends.
    """
    scores = np.arange(256) / 255
    powers = (scores * (1 - scores))[:, None] ** np.arange(7, 0, -1)
    factors = np.linalg.lstsq(powers, compute_squared_entropy(), rcond=None)[0]
    return tuple((previous_weight * factors).astype(np.float32))


def _smooth(new: Scores, past: Scores, weights: Scores, out: Scores) -> None:
    weight = cv2.LUT(cv2.convertScaleAbs(_flat(new), alpha=255), weights)
    flat = _flat(out)
    cv2.subtract(_flat(past), _flat(new), dst=flat)
    cv2.multiply(flat, weight, dst=flat)
    cv2.add(flat, _flat(new), dst=flat)


def _flat(scores: Scores) -> Scores:
    """(h, w, c) as (h, w*c): OpenCV is quickest on single channels."""
    return scores.reshape(scores.shape[0], -1)
