"""How much of the picture each class took, over a whole run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.masks import label_shares


class ShareTally:
    """A refiner that changes nothing and counts: the share of each class, averaged over frames."""

    def __init__(self) -> None:
        self._classes: tuple[str, ...] = ()
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._frames = 0

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Count `mask` and return it."""
        if mask.classes != self._classes:
            self._classes, self._frames = mask.classes, 0
            self._sum = np.zeros(len(mask.classes))
        self._sum += label_shares(mask.labels, len(mask.classes))
        self._frames += 1
        return mask

    def close(self) -> None:
        """Nothing to release; the figures stay."""

    @property
    def shares(self) -> Mapping[str, float]:
        """Class -> mean share of the picture in [0, 1], largest first; empty before a frame."""
        if not self._frames:
            return {}
        mean = self._sum / self._frames
        order = np.argsort(-mean, kind="stable")
        return {self._classes[i]: float(mean[i]) for i in order}
