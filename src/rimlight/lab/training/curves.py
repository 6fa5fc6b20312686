"""Learning curves as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelError
from rimlight.lab.training.history import Epoch
from rimlight.system.atomic_io import write_bytes

Image = NDArray[np.uint8]
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
    _, data = cv2.imencode(".png", curves(epochs))
    write_bytes(path, data.tobytes(), ModelError)


def curves(epochs: Sequence[Epoch]) -> Image:
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
    _text(canvas, title, (_LEFT, 24), _INK, scale=0.6)
    _grid(canvas, low, high, max(len(values) for values in lines.values()))
    for place, (name, values) in enumerate(lines.items()):
        color = _COLORS[place % len(_COLORS)]
        _text(canvas, name, (_LEFT + 190 + 130 * place, 24), color)
        points = [
            _point(i, v, low, high, len(values)) for i, v in enumerate(values) if math.isfinite(v)
        ]
        line = np.array(points, np.int32).reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], isClosed=False, color=color, thickness=2, lineType=16)
    return canvas


def _grid(canvas: Image, low: float, high: float, count: int) -> None:
    for step in range(_STEPS + 1):
        value = low + (high - low) * step / _STEPS
        _, y = _point(0, value, low, high, count)
        cv2.line(canvas, (_LEFT, y), (_SIZE[0] - _RIGHT, y), _GRID, 1)
        _text(canvas, f"{value:.3g}", (6, y + 4), _INK)
    _text(canvas, f"{count} epochs", (_SIZE[0] - 110, _SIZE[1] - 10), _INK)


def _point(index: int, value: float, low: float, high: float, count: int) -> tuple[int, int]:
    width, height = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM
    x = _LEFT + width * index / max(1, count - 1)
    return round(x), round(_TOP + height * (high - value) / (high - low))


def _text(
    canvas: Image, text: str, at: tuple[int, int], color: tuple[int, int, int], scale: float = 0.45
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
