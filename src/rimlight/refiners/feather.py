"""Softer edges."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.imaging.masks import feather


class FeatherRefiner:
    """Softens every score channel with a Gaussian. Label masks have none and pass unchanged."""

    class Options(opt.Options):
        """How soft."""

        sigma_px: Annotated[float, Field(gt=0, le=50, description="in mask pixels")] = 1.0

    def __init__(self, options: Options) -> None:
        self._sigma_px = options.sigma_px

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with softer edges."""
        if mask.given.dtype == np.uint8:
            return mask
        return mask.with_scores(feather(mask.scores, self._sigma_px).reshape(mask.given.shape))

    def close(self) -> None:
        """Nothing to forget."""
