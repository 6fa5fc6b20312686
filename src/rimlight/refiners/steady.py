"""Masks that hold still where the picture does, and move along with it where it moves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from rimlight.core.frame import Frame, Mask, goes_on
from rimlight.imaging.flow import Luma, shrunk_luma
from rimlight.refiners.carried import Holding, Linker, drawn, is_empty

EMPTY = 3
"""After so many masks without anyone in a row nobody is there, whatever the past says."""


class SteadyRefiner:
    """Temporal smoothing along the motion of the picture.

    The mask before is carried along the optical flow of the small luma picture. Where that
    explains the picture (what was carried there looks the same) it counts with weight `hold`;
    where it does not (something came into view, or moved too fast to be followed) the new mask is
    taken over at once, except that unsure scores still hold by `ratio`, as `smooth` does it. So
    it neither flickers nor trails behind. Warping the past mask along flow is PP-HumanSeg's idea;
    that the residual decides is the temporal denoisers' (Dubois and Sabri, ICASSP 1984).

    The past is forgotten when the mask's classes change, time does not go on, or jumps by a
    second or more, at a cut (half of the mask changes at once, or no motion explains the picture),
    and when three masks in a row show nobody, so that an empty scene has an empty mask. Label
    masks have no scores and pass unchanged.
    """

    class Options(Holding):
        """How steady: the other mask is that of the frame before."""

    def __init__(self, options: Options) -> None:
        self._linker = Linker(options)
        self._empty = 0
        self._past: Mask | None = None
        self._luma: Luma = np.empty((0, 0), np.uint8)
        self._pts = Fraction(0)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask`, drawn towards the one before it where the picture gives no reason."""
        if mask.given.dtype == np.uint8:
            return mask
        self._empty = self._empty + 1 if is_empty(mask) else 0
        luma = shrunk_luma(frame.luma_or_bgr, mask.shape)
        past, counts = self._past, goes_on(self._pts, frame.pts) and self._empty < EMPTY
        counts = counts and luma.shape == self._luma.shape
        if past is not None and counts and past.classes == mask.classes:
            link = self._linker.link(mask, luma, other=past, other_luma=self._luma)
            mask = mask if link is None else drawn(mask, past, link)
        self._past, self._luma, self._pts = mask, luma, frame.pts
        return mask

    def close(self) -> None:
        """Forget the past."""
        self._past = None
