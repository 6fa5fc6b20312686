"""What every epoch of a training came to, as values and as a CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rimlight.core.errors import ModelError
from rimlight.system.atomic_io import write_text


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


def best_of(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with the highest mIoU; None if none came to numbers."""
    sound = [epoch for epoch in epochs if epoch.is_finite]
    return max(sound, key=lambda epoch: epoch.miou, default=None)


def write_csv(epochs: Sequence[Epoch], classes: Sequence[str], path: Path) -> None:
    """Write a line for each epoch.

    Raises:
        ModelError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [name for name in Epoch.__slots__ if name != "ious"]
    writer.writerow([*names, *(f"iou {name}" for name in classes)])
    for epoch in epochs:
        values = asdict(epoch)
        writer.writerow([*(values[name] for name in names), *epoch.ious])
    write_text(path, text.getvalue(), ModelError)
