"""What one frame of a drive holds, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Mask
from rimlight.imaging.masks import label_shares, mean_entropy
from rimlight.road.ahead import AHEAD, GROUND, Trapezoid, inside

MARKS = ("mark", "lane")


class Measurer:
    """Measures masks; all of one run have the same classes.

    Args:
        ahead: the path in front of the bonnet.
    """

    def __init__(self, ahead: Trapezoid = AHEAD) -> None:
        self._ahead = ahead
        self._area: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def measure(self, mask: Mask) -> dict[str, float]:
        """Return every measure that the mask has, each 0..1 but for the counts."""
        if self._area.shape != mask.shape:
            self._area = inside(self._ahead, mask.shape)
        shares = _shares(mask)
        path = _shares(mask, self._area)
        found = {f"share.{name}": share for name, share in shares.items()}
        found |= {f"path.{name}": share for name, share in path.items()}
        if any(name in shares for name in GROUND):
            ground = _total(shares, GROUND)
            found["drivable"] = _total(path, GROUND)
            if any(name in shares for name in MARKS):
                found["marks"] = _total(shares, MARKS) / ground if ground else 0.0
        if mask.instances is not None:
            names = mask.instances.names
            found["count.all"] = float(len(names))
            found |= {f"count.{name}": float(names.count(name)) for name in set(names)}
        unsure = entropy(mask)
        return found if unsure is None else found | {"unsure": unsure}


def entropy(mask: Mask) -> float | None:
    """Return how unsure the model is, 0 (sure) to 1, by `mean_entropy`; None where nobody knows."""
    return mask.unsure if mask.given.dtype == np.uint8 else mean_entropy(mask.scores)


def _shares(mask: Mask, within: NDArray[np.uint8] | None = None) -> dict[str, float]:
    shares = label_shares(mask.labels, len(mask.classes), within)
    return dict(zip(mask.classes, shares.tolist(), strict=True))


def _total(shares: dict[str, float], names: Sequence[str]) -> float:
    return sum(shares.get(name, 0.0) for name in names)
