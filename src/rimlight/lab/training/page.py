"""A training as one HTML page: curves, figures, and what the network makes of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import confusion, mean_iou
from rimlight.lab.evaluation.panels import label_strip
from rimlight.lab.evaluation.plots import bars, lines
from rimlight.lab.evaluation.report import data_uri, page
from rimlight.lab.training.history import Epoch, best_of
from rimlight.system.atomic_io import write_text

Image = NDArray[np.uint8]

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
    body = [f"<p class='note'>{escape(title)}</p>", _facts(facts), _plots(epochs, classes)]
    body += ["<h2>Validation pictures: picture, truth, given</h2>"]
    body += [_figure(one, len(classes)) for one in predictions]
    write_text(path, page("rimlight train", "".join(body)))


def _facts(facts: Mapping[str, str]) -> str:
    rows = (f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in facts.items())
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def _plots(epochs: Sequence[Epoch], classes: Sequence[str]) -> str:
    losses = {"loss": [e.loss for e in epochs], "validation": [e.validation_loss for e in epochs]}
    scores = {
        "mIoU": [_known(e.miou) for e in epochs],
        "boundary F": [_known(e.boundary_f) for e in epochs],
    }
    best = best_of(epochs)
    ious = dict(zip(classes, map(_known, best.ious), strict=True)) if best else {}
    plots = (
        lines("Loss", losses, across="epochs"),
        lines("Validation", scores, across="epochs"),
        bars("IoU of each class at the best epoch", ious),
    )
    return f'<div class="plots">{"".join(plots)}</div>'


def _figure(one: Prediction, classes: int) -> str:
    strip = label_strip(one.picture, _uncovered(one.truth), _uncovered(one.labels))
    score = mean_iou(confusion(one.labels, one.truth, classes=classes))
    return (
        f'<figure><img alt="picture, truth, given" src="{data_uri(strip)}">'
        f"<figcaption>mIoU {score:.3f}</figcaption></figure>"
    )


def _uncovered(labels: Image) -> Image:
    """Leave the first class as the picture is, so that the outlines of the others are seen."""
    return np.where(labels == 0, np.uint8(VOID), labels)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
