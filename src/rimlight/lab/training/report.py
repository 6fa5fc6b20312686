"""Report a training: CSV, curves as a PNG, and an HTML page with predictions."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count as counted
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelError
from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import compute_mean_iou, count_confusion
from rimlight.lab.evaluation.visualize import make_label_strip
from rimlight.lab.training.metrics import Epoch, as_truth, find_best_epoch
from rimlight.lab.training.trainer import Batches
from rimlight.reporting.pages import render_page
from rimlight.reporting.plots import bars, lines
from rimlight.system.atomic_io import write_bytes, write_text

if TYPE_CHECKING:
    from markupsafe import Markup


Image = NDArray[np.uint8]

_TEMPLATE = Path(__file__).with_name("report.html")

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
        "mIoU": [_select_known(e.miou) for e in epochs],
        "boundary F": [_select_known(e.boundary_f) for e in epochs],
    }
    best = find_best_epoch(epochs)
    ious = dict(zip(classes, map(_select_known, best.ious), strict=True)) if best else {}
    return (
        lines("Loss", losses, across="epochs"),
        lines("Validation", scores, across="epochs"),
        bars("IoU of each class at the best epoch", ious),
    )


def _judge(one: Prediction, classes: int) -> tuple[Image, float]:
    """Return image, truth and prediction side by side, and the mean IoU."""
    strip = make_label_strip(one.picture, _find_uncovered(one.truth), _find_uncovered(one.labels))
    return strip, compute_mean_iou(count_confusion(one.labels, one.truth, classes=classes))


def _find_uncovered(labels: Image) -> Image:
    """Leave the first class as the picture is, so that the outlines of the others are seen."""
    return np.where(labels == 0, np.uint8(VOID), labels)


def _select_known(value: float) -> float | None:
    return value if math.isfinite(value) else None


Lines = dict[str, list[float]]

_SIZE = (640, 400)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 36
_PAPER, _INK, _GRID = (255, 255, 255), (60, 50, 40), (225, 220, 215)
_COLORS = ((222, 111, 47), (43, 98, 217), (92, 157, 42), (208, 79, 154))
_STEPS = 5


def write_curves(epochs: Sequence[Epoch], path: Path) -> None:
    """Draw losses, scores and the learning rate over the epochs as a PNG.

    Raises:
        ModelError: the file cannot be written.
    """
    _, data = cv2.imencode(".png", draw_curves(epochs))
    write_bytes(path, data.tobytes(), ModelError)


def draw_curves(epochs: Sequence[Epoch]) -> Image:
    """Return the picture: uint8 (h, w, 3), three plots side by side."""
    losses = {
        "loss": [epoch.loss for epoch in epochs],
        "validation": [epoch.validation_loss for epoch in epochs],
    }
    scores = {
        "mIoU": [epoch.miou for epoch in epochs],
        "Dice": [epoch.dice for epoch in epochs],
        "boundary F": [epoch.boundary_f for epoch in epochs],
    }
    rates = {"learning rate": [epoch.rate for epoch in epochs]}
    plots = [_plot("loss", losses), _plot("validation", scores), _plot("learning rate", rates)]
    return cast(Image, np.hstack(plots))


def _plot(title: str, lines: Lines) -> Image:
    canvas = np.full((_SIZE[1], _SIZE[0], 3), _PAPER, np.uint8)
    known = [value for values in lines.values() for value in values if math.isfinite(value)]
    low, high = min([0.0, *known]), max([1e-9, *known])
    _draw_text(canvas, title, (_LEFT, 24), _INK, scale=0.6)
    _draw_grid(canvas, low, high, max(len(values) for values in lines.values()))
    for place, (name, values) in enumerate(lines.items()):
        color = _COLORS[place % len(_COLORS)]
        _draw_text(canvas, name, (_LEFT + 190 + 130 * place, 24), color)
        points = [
            _locate_point(i, v, low, high, len(values))
            for i, v in enumerate(values)
            if math.isfinite(v)
        ]
        line = np.array(points, np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], isClosed=False, color=color, thickness=2, lineType=16)
    return canvas


def _draw_grid(canvas: Image, low: float, high: float, count: int) -> None:
    for step in range(_STEPS + 1):
        value = low + (high - low) * step / _STEPS
        _, y = _locate_point(0, value, low, high, count)
        cv2.line(canvas, (_LEFT, y), (_SIZE[0] - _RIGHT, y), _GRID, 1)
        _draw_text(canvas, f"{value:.3g}", (6, y + 4), _INK)
    _draw_text(canvas, f"{count} epochs", (_SIZE[0] - 110, _SIZE[1] - 10), _INK)


def _locate_point(index: int, value: float, low: float, high: float, count: int) -> tuple[int, int]:
    width, height = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM
    x = _LEFT + width * index / max(1, count - 1)
    return round(x), round(_TOP + height * (high - value) / (high - low))


def _draw_text(
    canvas: Image, text: str, at: tuple[int, int], color: tuple[int, int, int], scale: float = 0.45
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)


def draw_predictions(model: Any, batches: Batches, *, count: int) -> Iterator[Prediction]:
    """Yield up to `SHOWN` pictures, spread over all of them.

    Args:
        model: from pictures to probabilities.
        batches: pictures RGB float32 in 0..1 and labels.
        count: how many pictures the batches hold.
    """
    step = max(1, count // SHOWN)
    numbers = counted()
    for pictures, labels in batches:
        wanted = [at for at in range(len(labels)) if next(numbers) % step == 0]
        if not wanted:
            continue
        found = np.argmax(model(pictures, training=False), axis=-1).astype(np.uint8)
        truth = as_truth(np.asarray(labels))
        for at in wanted:
            yield Prediction(_to_bgr(np.asarray(pictures[at])), truth[at], found[at])


def _to_bgr(picture: Any) -> Image:
    eighths = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return cast(Image, cv2.cvtColor(eighths, cv2.COLOR_RGB2BGR))


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
