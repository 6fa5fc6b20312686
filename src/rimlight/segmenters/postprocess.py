"""Convert output tensors to masks: activation, dequantization, removal of letterbox bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Mask
from rimlight.core.model_card import PERSON, ModelCard
from rimlight.imaging import jit
from rimlight.imaging.geometry import Rect, crop
from rimlight.imaging.pool import ArrayPool
from rimlight.segmenters.runtime import TensorInfo

Scores = NDArray[np.float32]
Labels = NDArray[np.uint8]

_MIN_RANGE = 1e-3
"""Scores that differ by less are equal."""


class Postprocessor:
    """Converts the output tensor of one model to masks of whole frames.

    Args:
        card: what the model gives.
        info: the output tensor of the file.
        parts: of a model of a person's parts: keep a class for each, instead of one for the person.
    """

    def __init__(self, card: ModelCard, info: TensorInfo, *, parts: bool = False) -> None:
        self._card = card
        self._info = info
        self._pool = ArrayPool()
        stretched = card.output.rescale == "min-max"
        self._activate = _stretch if stretched else _ACTIVATIONS[card.output.kind]
        self._parts, self._merged = parts, card.has_person_parts and not parts
        self._curve = np.array(card.output.calibration, np.float32)
        self._planar = (card.output.layout or card.input.layout) == "nchw"

    def to_mask(self, output: NDArray[Any], place: Rect, input_size: tuple[int, int]) -> Mask:
        """Return the mask of the frame at `place` in the input.

        Args:
            output: as the engine gave it, with its leading axis of 1; it is not changed or kept.
            place: in input pixels.
            input_size: (width, height) of the input.

        Raises:
            ModelFormatError: a label has no class in the card.
        """
        card = self._card
        values = output[0]
        if self._planar and values.ndim == 3:
            values = values.transpose(1, 2, 0)
        x, y = values.shape[1] / input_size[0], values.shape[0] / input_size[1]
        rect = place.scale(x, y)
        whole = rect == Rect(0, 0, values.shape[1], values.shape[0])
        if card.output.kind == "labels":
            labels = self._read_labels(values)
            labels = labels if whole else crop(labels, rect, smooth=False)
            return Mask.from_labels(labels, card.classes, foreground=card.foreground)
        scores = self._calibrate(self._read_scores(values))
        scores = scores if whole else crop(scores, rect)
        if self._merged:
            return Mask(scores, (PERSON,), (PERSON,), card.alpha_range)
        return Mask(scores, card.classes, card.foreground, card.alpha_range)

    def _calibrate(self, scores: Scores) -> Scores:
        """Merge the parts of a person if asked, and apply the card's calibration."""
        if self._merged:
            return self._apply_curve(_add_parts(scores, self._card.classes))
        if not len(self._curve) or len(self._card.classes) == 1:
            return self._apply_curve(scores)
        person = _add_parts(scores, self._card.classes)
        wanted = self._apply_curve(person)
        scores *= wanted / np.maximum(person, _MIN_RANGE)
        scores[..., self._card.classes.index("background")] = 1 - wanted[..., 0]
        return scores

    def _apply_curve(self, scores: Scores) -> Scores:
        if not len(self._curve):
            return scores
        curve = self._curve
        return cast(Scores, np.interp(scores, curve[:, 0], curve[:, 1]).astype(np.float32))

    def _read_labels(self, values: NDArray[Any]) -> Labels:
        found, known = int(values.max()), len(self._card.classes)
        if found >= known or values.min() < 0:
            raise ModelFormatError(
                f"model {self._card.name!r} gave the label {found}, its card names {known} classes",
                hint="complete the classes in the card",
            )
        labels: Labels = self._pool.acquire(values.shape[:2])
        np.copyto(labels, values.reshape(labels.shape), casting="unsafe")
        return labels

    def _read_scores(self, values: NDArray[Any]) -> Scores:
        height, width = values.shape[:2]
        scores: Scores = self._pool.acquire((height, width, len(self._card.classes)), np.float32)
        if self._info.scale:
            np.subtract(values.reshape(scores.shape), self._info.zero, out=scores, dtype=np.float32)
            scores *= self._info.scale
            self._divide(scores)
            self._activate(scores)
        elif self._activate is _clip:
            _copy_clipped(values.reshape(scores.shape), scores)
        else:
            np.copyto(scores, values.reshape(scores.shape), casting="unsafe")
            self._divide(scores)
            self._activate(scores)
        return scores

    def _divide(self, scores: Scores) -> None:
        if self._card.output.temperature != 1:
            scores *= np.float32(1 / self._card.output.temperature)


def _add_parts(scores: Scores, classes: Sequence[str]) -> Scores:
    """Return the score of the whole person, (h, w, 1), from those of its parts."""
    if "background" in classes:
        where = classes.index("background")
        return 1 - scores[..., where : where + 1]
    return cast(Scores, np.minimum(scores.sum(axis=2, keepdims=True), 1, dtype=np.float32))


def _stretch(scores: Scores) -> None:
    """Map the lowest score to 0 and the highest to 1, in place; equal scores all become 0."""
    lowest = scores.min()
    scores -= lowest
    scores *= 1 / max(float(scores.max()), _MIN_RANGE)


def _copy_clipped(values: NDArray[Any], scores: Scores) -> None:
    """Copy `values`, clipped to 0..1."""
    kernels = jit.get_kernels()
    if kernels and values.dtype == np.float32 and values.flags.c_contiguous:
        kernels.clip(values, scores)
    else:
        np.clip(values, 0, 1, out=scores, casting="unsafe")


def _clip(scores: Scores) -> None:
    """Clip the rounding errors of quantized outputs."""
    np.clip(scores, 0, 1, out=scores)


def _apply_sigmoid(scores: Scores) -> None:
    """Compute 1 / (1 + exp(-x)) in place with tanh, which cannot overflow."""
    scores *= 0.5
    np.tanh(scores, out=scores)
    scores += 1
    scores *= 0.5


def _apply_softmax(scores: Scores) -> None:
    """Compute softmax in place; the maximum is subtracted first to prevent overflow."""
    scores -= scores.max(axis=2, keepdims=True)
    cv2.exp(scores, dst=scores)
    # A product with ones adds up a short last axis twelve times as fast as sum() does.
    total = scores @ np.ones((scores.shape[2], 1), np.float32)
    scores /= total


_ACTIVATIONS: dict[str, Callable[[Scores], None]] = {
    "probability": _clip,
    "softmax": _clip,
    "sigmoid": _apply_sigmoid,
    "logits": _apply_softmax,
    "labels": _clip,
}
