"""Decode the tensors of detectors: anchors, heat maps and plain boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.detections import Detections
from rimlight.segmenters.runtime import make_mismatch_error

Floats = NDArray[np.float32]
Size = tuple[int, int]

Decoder = Callable[[Sequence[Floats], Size, float], Detections]
"""(outputs of the model, (width, height) of its input in pixels, minimum score) -> boxes as shares
of the input. Raises ModelFormatError for outputs that are not those of the card."""

_END_TO_END_VALUES = 6  # left, top, right, bottom, score, class


def choose_decoder(card: ModelCard, file: Path) -> Decoder:
    """Return the decoder for the kind of output that a card describes."""
    if card.output.kind == "anchors":
        return AnchorDecoder(card, file)
    if card.output.kind == "heatmap":
        return HeatmapDecoder(card, file)
    return BoxDecoder(card, file)


class AnchorDecoder:
    """Decodes boxes relative to anchors; see `decode_anchors`."""

    def __init__(self, card: ModelCard, file: Path) -> None:
        self._card, self._file = card, file
        self._centers = make_anchor_centers(card.output.anchors)

    def __call__(self, outputs: Sequence[Floats], size: Size, confidence: float) -> Detections:
        """Return the boxes of one frame."""
        count, classes = len(self._centers), len(self._card.classes)
        scores = [out for out in outputs if out.shape == (1, count, classes)]
        boxes = [o for o in outputs if o.shape[:2] == (1, count) and o.ndim == 3 and o.shape[2] > 3]
        boxes = [out for out in boxes if not (scores and out is scores[0])]
        if len(outputs) != 2 or not scores or not boxes:
            raise _make_shape_error(self._card, self._file, outputs, f"{count} anchors")
        return decode_anchors(
            boxes[0][0], scores[0][0], self._centers, size=size, confidence=confidence
        )


class HeatmapDecoder:
    """Decodes a heat map of centers; see `decode_heatmap`."""

    def __init__(self, card: ModelCard, file: Path) -> None:
        self._card, self._file = card, file

    def __call__(self, outputs: Sequence[Floats], size: Size, confidence: float) -> Detections:
        """Return the boxes of one frame."""
        classes = len(self._card.classes)
        heat = next((out for out in outputs if out.ndim == 4 and out.shape[1] == classes), None)
        pairs = [out for out in outputs if out is not heat and out.ndim == 4 and out.shape[1] == 2]
        if heat is None or len(pairs) != 2 or any(p.shape[2:] != heat.shape[2:] for p in pairs):
            expected = "a heat map, sizes and offsets"
            raise _make_shape_error(self._card, self._file, outputs, expected)
        return decode_heatmap(heat[0], pairs[0][0], pairs[1][0], confidence=confidence)


class BoxDecoder:
    """Decodes plain boxes; see `decode_boxes`."""

    def __init__(self, card: ModelCard, file: Path) -> None:
        self._card, self._file = card, file

    def __call__(self, outputs: Sequence[Floats], size: Size, confidence: float) -> Detections:
        """Return the boxes of one frame."""
        values, rows = outputs[0], 4 + len(self._card.classes)
        if values.ndim != 3 or len(values) != 1:
            raise _make_shape_error(self._card, self._file, outputs, f"boxes of 1x{rows}xn")
        table = values[0]
        is_end_to_end = table.shape[1] == _END_TO_END_VALUES and table.shape[0] != rows
        if not is_end_to_end:
            table = table.T if table.shape[0] == rows else table
            if table.shape[1] != rows:
                raise _make_shape_error(self._card, self._file, outputs, f"boxes of 1x{rows}xn")
        unit = (1, 1) if self._card.output.boxes == "share" else size
        if is_end_to_end:
            return decode_corners(table, unit=unit, confidence=confidence)
        return decode_boxes(table, unit=unit, confidence=confidence)


def _make_shape_error(
    card: ModelCard, file: Path, outputs: Sequence[NDArray[Any]], expected: str
) -> ModelFormatError:
    found = " and ".join("x".join(map(str, out.shape)) for out in outputs)
    return make_mismatch_error(card, file, f"outputs {found}", expected)


def decode_heatmap(
    heat: Floats, sizes: Floats, offsets: Floats, *, confidence: float
) -> Detections:
    """Decode a heat map of object centers, as in CenterNet (Zhou et al., 2019) and CenterFace.

    Args:
        heat: (classes, h, w), scores in 0..1 of a center in each cell.
        sizes: (2, h, w): the logarithms of height and width, in cells.
        offsets: (2, h, w): y and x of the center in its cell, from its middle.
        confidence: minimum score.

    Returns:
        Boxes as shares of the input.
    """
    best, (rows, columns) = heat.max(axis=0), heat.shape[1:]
    y, x = np.nonzero(best >= confidence)
    middle = np.stack([x + offsets[1, y, x] + 0.5, y + offsets[0, y, x] + 0.5], axis=1)
    half = np.exp(np.stack([sizes[1, y, x], sizes[0, y, x]], axis=1).clip(-20, 20)) / 2
    boxes = np.hstack([middle - half, middle + half]) / [columns, rows, columns, rows]
    return Detections(boxes.astype(np.float32), best[y, x], heat[:, y, x].argmax(axis=0))


def decode_boxes(table: Floats, *, unit: tuple[float, float], confidence: float) -> Detections:
    """Decode center, size and class scores, as YOLOv8 exports have them.

    Args:
        table: (n, 4 + classes): x and y of the center, width, height, scores in 0..1.
        unit: what x and y are divided by to become shares of the input.
        confidence: minimum score.
    """
    found = table[table[:, 4:].max(axis=1) >= confidence]
    half = np.abs(found[:, 2:4]) / 2
    boxes = np.hstack([found[:, :2] - half, found[:, :2] + half]) / [*unit, *unit]
    scores = found[:, 4:]
    return Detections(boxes.astype(np.float32), scores.max(axis=1), scores.argmax(axis=1))


def decode_corners(table: Floats, *, unit: tuple[float, float], confidence: float) -> Detections:
    """Decode corners, score and class, as exports with non-maximum suppression have them.

    Args:
        table: (n, 6): left, top, right, bottom, score, number of the class.
        unit: what x and y are divided by to become shares of the input.
        confidence: minimum score.
    """
    found = table[table[:, 4] >= confidence]
    boxes = (found[:, :4] / [*unit, *unit]).astype(np.float32)
    return Detections(boxes, found[:, 4], found[:, 5].astype(np.intp))


def make_anchor_centers(grids: Sequence[tuple[int, int]]) -> Floats:
    """Return the centers of anchors as shares of the input, float32 (n, 2).

    Args:
        grids: (cells along a side, anchors per cell), in the order of the tensor.
    """
    centers = []
    for side, count in grids:
        line = (np.arange(side, dtype=np.float32) + 0.5) / side
        x, y = np.meshgrid(line, line)
        centers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(centers)


def decode_anchors(
    values: Floats, logits: Floats, centers: Floats, *, size: tuple[int, int], confidence: float
) -> Detections:
    """Decode boxes relative to anchors, as in SSD (Liu et al., ECCV 2016) and BlazeFace.

    Args:
        values: (n, 4 or more): x and y of the center from the anchor, width and height, all in
            pixels of the input; what follows is not read.
        logits: (n, classes), before the sigmoid.
        centers: (n, 2), see `make_anchor_centers`.
        size: (width, height) of the input in pixels.
        confidence: minimum score.

    Returns:
        Boxes as shares of the input.
    """
    best = logits.max(axis=1)
    found = np.flatnonzero(best >= np.log(confidence / (1 - confidence)))
    shares = values[found, :4] / np.array([*size, *size], np.float32)
    middle = centers[found] + shares[:, :2]
    half = np.abs(shares[:, 2:]) / 2
    scores = 1 / (1 + np.exp(-best[found].clip(-80, 80)))
    return Detections(
        np.hstack([middle - half, middle + half]).astype(np.float32),
        scores.astype(np.float32),
        logits[found].argmax(axis=1),
    )
