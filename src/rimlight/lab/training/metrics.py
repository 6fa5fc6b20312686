"""Metrics of a network on validation images, and the history of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import (
    Counts,
    compute_boundary_f,
    compute_class_ious,
    compute_mean_iou,
    count_confusion,
)

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one validation, over all pixels of all pictures; NaN where there is no truth.

    Attributes:
        miou: the mean IoU of the classes that the truth holds.
        ious: IoU of each class.
        dice: the mean Dice coefficient of the classes that the truth holds.
        boundary_f: the mean boundary F of all classes of all pictures, of class 0 only where it
            is the only one: a background's outline is everybody's.
    """

    miou: float
    ious: tuple[float, ...]
    dice: float
    boundary_f: float


class Scorer:
    """Adds up pictures into `Scores`."""

    def __init__(self, classes: int) -> None:
        self._counts: Counts = np.zeros((classes, classes + 1), np.int64)
        self._boundaries: list[float] = []

    def add(self, labels: Labels, truth: Labels) -> None:
        """Count one picture.

        Args:
            labels: uint8 (h, w), the network's.
            truth: uint8 (h, w); values from the number of classes up are not counted.

        Raises:
            ValueError: the shapes differ.
        """
        classes = self._counts.shape[0]
        self._counts += count_confusion(labels, truth, classes=classes)
        known = truth < classes
        for label in range(min(1, classes - 1), classes):
            if (truth == label).any():
                found = compute_boundary_f((labels == label) & known, truth == label)
                self._boundaries.append(found)

    def add_batch(self, probabilities: Any, labels: Any) -> None:
        """Count pictures.

        Args:
            probabilities: the network's, (batch, h, w, classes).
            labels: int (batch, h, w).

        Raises:
            ValueError: the shapes differ.
        """
        found = np.argmax(probabilities, axis=-1).astype(np.uint8)
        for one, truth in zip(found, as_truth(np.asarray(labels)), strict=True):
            self.add(one, truth)

    def compute_scores(self) -> Scores:
        """Return the figures of all pictures so far."""
        mean = float(np.mean(self._boundaries)) if self._boundaries else math.nan
        ious = tuple(float(share) for share in compute_class_ious(self._counts))
        return Scores(compute_mean_iou(self._counts), ious, compute_mean_dice(self._counts), mean)


def compute_mean_dice(counts: Counts) -> float:
    """Return the mean Dice coefficient of the classes that the truth holds; NaN without any.

    2 * overlap / both areas (Dice 1945), which is 2 * IoU / (1 + IoU).

    Args:
        counts: a `rimlight.lab.evaluation.metrics.count_confusion` matrix.
    """
    ious = compute_class_ious(counts)[counts.sum(axis=1) > 0]
    return float(np.mean(2 * ious / (1 + ious))) if ious.size else math.nan


def score_network(infer: Callable[[Any], Any], batches: Iterable[tuple[Any, Any]]) -> Scores:
    """Return the figures of a network on pictures that were held back.

    Args:
        infer: from pictures (batch, h, w, 3) to probabilities (batch, h, w, classes).
        batches: pictures and their labels int (batch, h, w); at least one.

    Raises:
        ValueError: there is no batch.
    """
    scorer: Scorer | None = None
    for pictures, labels in batches:
        probabilities = np.asarray(infer(pictures))
        scorer = scorer or Scorer(probabilities.shape[-1])
        scorer.add_batch(probabilities, labels)
    if scorer is None:
        raise ValueError("nothing to judge on")
    return scorer.compute_scores()


def as_truth(labels: NDArray[np.int32]) -> Labels:
    """Return int labels of any shape as uint8, what does not fit as `VOID`."""
    return np.where((labels < 0) | (labels > VOID), VOID, labels).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch.

    Attributes:
        number: from 1.
        loss: the mean over its steps, on altered pictures while the weights still moved.
        validation_loss: on the validation pictures, by the mean weights, as are all that follow.
        miou: the mean IoU of the classes that the truth holds; the best epoch has the highest.
        dice: the mean Dice coefficient.
        boundary_f: the mean boundary F.
        ious: IoU of each class, NaN for one that the validation pictures lack.
        rate: the learning rate of its last step.
        batch: pictures in a batch.
        seconds: how long it took.
    """

    number: int
    loss: float
    validation_loss: float
    miou: float
    dice: float
    boundary_f: float
    ious: tuple[float, ...]
    rate: float
    batch: int
    seconds: float

    @property
    def is_finite(self) -> bool:
        """Whether its losses and its mIoU are numbers: the weights of others are of no use."""
        return all(map(math.isfinite, (self.loss, self.validation_loss, self.miou)))


def from_facts(facts: Sequence[dict[str, object]]) -> list[Epoch]:
    """Return epochs from what `dataclasses.asdict` and JSON made of them."""
    return [Epoch(**{**one, "ious": tuple(one["ious"])}) for one in facts]  # type: ignore[arg-type]


def find_best_epoch(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with the highest mIoU; None if none came to numbers."""
    sound = [epoch for epoch in epochs if epoch.is_finite]
    return max(sound, key=lambda epoch: epoch.miou, default=None)
