"""Metrics of each frame of a drive, and the mean coverage of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.masks import compute_label_shares, compute_mean_entropy
from rimlight.road.ego_path import DEFAULT_EGO_PATH, GROUND_CLASSES, Trapezoid, rasterize_ego_path

MARK_CLASSES = ("mark", "lane")


class Measurer:
    """Computes the metrics of masks, which must all have the same classes.

    Args:
        ego_path: the ego path, the area ahead of the vehicle.
    """

    def __init__(self, ego_path: Trapezoid = DEFAULT_EGO_PATH) -> None:
        self._ego_path = ego_path
        self._area: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def measure(self, mask: Mask) -> dict[str, float]:
        """Return all metrics that apply to a mask; each is in [0, 1] except for counts."""
        if self._area.shape != mask.shape:
            self._area = rasterize_ego_path(self._ego_path, mask.shape)
        shares = _compute_shares(mask)
        path = _compute_shares(mask, self._area)
        metrics = {f"share.{name}": share for name, share in shares.items()}
        metrics |= {f"path.{name}": share for name, share in path.items()}
        if any(name in shares for name in GROUND_CLASSES):
            ground = _sum_shares(shares, GROUND_CLASSES)
            metrics["drivable"] = _sum_shares(path, GROUND_CLASSES)
            if any(name in shares for name in MARK_CLASSES):
                metrics["marks"] = _sum_shares(shares, MARK_CLASSES) / ground if ground else 0.0
        if mask.instances is not None:
            names = mask.instances.names
            metrics["count.all"] = float(len(names))
            metrics |= {f"count.{name}": float(names.count(name)) for name in set(names)}
        unsure = compute_entropy(mask)
        return metrics if unsure is None else metrics | {"unsure": unsure}


def compute_entropy(mask: Mask) -> float | None:
    """Return the mean entropy of a mask, 0 (sure) to 1; None for labels without scores."""
    return mask.mean_entropy if mask.data.dtype == np.uint8 else compute_mean_entropy(mask.scores)


def _compute_shares(mask: Mask, within: NDArray[np.uint8] | None = None) -> dict[str, float]:
    shares = compute_label_shares(mask.labels, len(mask.classes), within)
    return dict(zip(mask.classes, shares.tolist(), strict=True))


def _sum_shares(shares: dict[str, float], names: Sequence[str]) -> float:
    return sum(shares.get(name, 0.0) for name in names)


class ClassCoverage:
    """A refiner that passes masks through and averages the share of each class over frames."""

    def __init__(self) -> None:
        self._classes: tuple[str, ...] = ()
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._frames = 0

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Add `mask` to the mean and return it."""
        if mask.classes != self._classes:
            self._classes, self._frames = mask.classes, 0
            self._sum = np.zeros(len(mask.classes))
        self._sum += compute_label_shares(mask.labels, len(mask.classes))
        self._frames += 1
        return mask

    def close(self) -> None:
        """Do nothing; the shares stay available."""

    @property
    def shares(self) -> Mapping[str, float]:
        """Class -> mean share of the frame in [0, 1], largest first; empty before a frame."""
        if not self._frames:
            return {}
        mean = self._sum / self._frames
        order = np.argsort(-mean, kind="stable")
        return {self._classes[i]: float(mean[i]) for i in order}
