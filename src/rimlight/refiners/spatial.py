"""No specks, no holes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import RefinerTraits
from rimlight.imaging.masks import feather, fill_holes, remove_small_regions


class CleanRefiner(RefinerTraits):
    """Drops separate specks of the foreground and fills small holes in it.

    Works on masks of one class; masks of several classes and label masks pass unchanged.
    """

    optional = True

    class Options(opt.Options):
        """What counts as small, as a share of the picture."""

        min_region: Annotated[
            float, Field(ge=0, le=1, description="smaller regions are removed")
        ] = 0.002
        max_hole: Annotated[float, Field(ge=0, le=1, description="smaller holes are filled")] = (
            0.001
        )

    def __init__(self, options: Options) -> None:
        self._options = options

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` without specks and holes."""
        if mask.data.dtype == np.uint8 or len(mask.classes) > 1:
            return mask
        alpha = remove_small_regions(mask.scores[..., 0], self._options.min_region)
        return mask.with_scores(fill_holes(alpha, self._options.max_hole)[..., None])

    def close(self) -> None:
        """Nothing to forget."""


class FeatherRefiner(RefinerTraits):
    """Softens every score channel with a Gaussian. Label masks have none and pass unchanged."""

    optional = True

    class Options(opt.Options):
        """How soft."""

        sigma_px: Annotated[float, Field(gt=0, le=50, description="in mask pixels")] = 1.0

    def __init__(self, options: Options) -> None:
        self._sigma_px = options.sigma_px

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with softer edges."""
        if mask.data.dtype == np.uint8:
            return mask
        return mask.with_scores(feather(mask.scores, self._sigma_px).reshape(mask.data.shape))

    def close(self) -> None:
        """Nothing to forget."""
