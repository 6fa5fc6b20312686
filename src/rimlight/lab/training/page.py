"""A training as one HTML page: curves, figures, and what the network makes of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import confusion, mean_iou
from rimlight.lab.evaluation.panels import label_strip
from rimlight.lab.training.history import Epoch, best_of
from rimlight.reporting.pages import render_page
from rimlight.reporting.plots import bars, lines
from rimlight.system.atomic_io import write_text

if TYPE_CHECKING:
    from markupsafe import Markup

Image = NDArray[np.uint8]

_TEMPLATE = Path(__file__).with_name("page.html")

SHOWN = 12
"""Validation pictures on the page, spread over all of them."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A validation picture, what is in it, and what the network says.

    Attributes:
        picture: BGR uint8 (h, w, 3).
        truth: uint8 (h, w); 255 is not counted.
        labels: uint8 (h, w).
    """

    picture: Image
    truth: Image
    labels: Image


def write_page(
    path: Path,
    epochs: Sequence[Epoch],
    predictions: Iterable[Prediction],
    *,
    title: str,
    classes: Sequence[str],
    facts: Mapping[str, str],
) -> None:
    """Write the page.

    Args:
        path: the file.
        epochs: at least one.
        predictions: a few validation pictures.
        title: the heading.
        classes: names of the classes.
        facts: what else a reader should know, by name.

    Raises:
        SinkError: the file cannot be written.
    """
    content = render_page(
        _TEMPLATE,
        title="rimlight train",
        subject=title,
        facts=list(facts.items()),
        plots=_draw_plots(epochs, classes),
        predictions=[_judge(one, len(classes)) for one in predictions],
    )
    write_text(path, content)


def _draw_plots(epochs: Sequence[Epoch], classes: Sequence[str]) -> tuple[Markup, ...]:
    losses = {"loss": [e.loss for e in epochs], "validation": [e.validation_loss for e in epochs]}
    scores = {
        "mIoU": [_known(e.miou) for e in epochs],
        "boundary F": [_known(e.boundary_f) for e in epochs],
    }
    best = best_of(epochs)
    ious = dict(zip(classes, map(_known, best.ious), strict=True)) if best else {}
    return (
        lines("Loss", losses, across="epochs"),
        lines("Validation", scores, across="epochs"),
        bars("IoU of each class at the best epoch", ious),
    )


def _judge(one: Prediction, classes: int) -> tuple[Image, float]:
    """Return image, truth and prediction side by side, and the mean IoU."""
    strip = label_strip(one.picture, _uncovered(one.truth), _uncovered(one.labels))
    return strip, mean_iou(confusion(one.labels, one.truth, classes=classes))


def _uncovered(labels: Image) -> Image:
    """Leave the first class as the picture is, so that the outlines of the others are seen."""
    return np.where(labels == 0, np.uint8(VOID), labels)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
