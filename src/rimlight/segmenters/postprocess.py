"""Frames to input tensors and output tensors to masks, as a card says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Mask
from rimlight.core.model_card import ModelCard
from rimlight.imaging import jit
from rimlight.imaging.geometry import Rect, crop
from rimlight.imaging.pool import ArrayPool
from rimlight.segmenters.runtime import TensorInfo

Scores = NDArray[np.float32]
Labels = NDArray[np.uint8]


class MaskMaker:
    """Turns one model's output tensor into masks of whole frames."""

    def __init__(self, card: ModelCard, info: TensorInfo) -> None:
        self._card = card
        self._info = info
        self._pool = ArrayPool()
        self._activate = _ACTIVATIONS[card.output.kind]

    def make(self, output: NDArray[Any], place: Rect) -> Mask:
        """Return the mask of the frame that lay at `place` in the input.

        Args:
            output: as the engine gave it, with its leading axis of 1; it is not changed or kept.
            place: in input pixels.

        Raises:
            ModelFormatError: a label has no class in the card.
        """
        values = output[0]
        card = self._card
        x, y = values.shape[1] / card.input.size[0], values.shape[0] / card.input.size[1]
        rect = place.scale(x, y)
        whole = rect == Rect(0, 0, values.shape[1], values.shape[0])
        if card.output.kind == "labels":
            labels = self._labels(values)
            labels = labels if whole else crop(labels, rect, smooth=False)
            return Mask.from_labels(labels, card.classes, foreground=card.foreground)
        scores = self._scores(values)
        scores = scores if whole else crop(scores, rect)
        return Mask(scores, card.classes, card.foreground, card.alpha_range)

    def _labels(self, values: NDArray[Any]) -> Labels:
        found, known = int(values.max()), len(self._card.classes)
        if found >= known or values.min() < 0:
            raise ModelFormatError(
                f"model {self._card.name!r} gave the label {found}, its card names {known} classes",
                hint="complete the classes in the card",
            )
        labels: Labels = self._pool.acquire(values.shape[:2])
        np.copyto(labels, values.reshape(labels.shape), casting="unsafe")
        return labels

    def _scores(self, values: NDArray[Any]) -> Scores:
        height, width = values.shape[:2]
        scores: Scores = self._pool.acquire((height, width, len(self._card.classes)), np.float32)
        if self._info.scale:
            np.subtract(values.reshape(scores.shape), self._info.zero, out=scores, dtype=np.float32)
            scores *= self._info.scale
            self._activate(scores)
        elif self._activate is _clip:
            _clipped(values.reshape(scores.shape), scores)
        else:
            np.copyto(scores, values.reshape(scores.shape), casting="unsafe")
            self._activate(scores)
        return scores


def _clipped(values: NDArray[Any], scores: Scores) -> None:
    """Copy `values`, none below 0 or above 1."""
    kernels = jit.get_kernels()
    if kernels and values.dtype == np.float32 and values.flags.c_contiguous:
        kernels.clip(values, scores)
    else:
        np.clip(values, 0, 1, out=scores, casting="unsafe")


def _clip(scores: Scores) -> None:
    """Keep rounding errors of quantized outputs out of the mask."""
    np.clip(scores, 0, 1, out=scores)


def _sigmoid(scores: Scores) -> None:
    """1 / (1 + exp(-x)), written with tanh, which cannot overflow."""
    scores *= 0.5
    np.tanh(scores, out=scores)
    scores += 1
    scores *= 0.5


def _softmax(scores: Scores) -> None:
    """exp(x) over its sum; the largest is taken off first, so that no exp can overflow."""
    scores -= scores.max(axis=2, keepdims=True)
    cv2.exp(scores, dst=scores)
    # A product with ones adds up a short last axis twelve times as fast as sum() does.
    total = scores @ np.ones((scores.shape[2], 1), np.float32)
    scores /= total


_ACTIVATIONS: dict[str, Callable[[Scores], None]] = {
    "probability": _clip,
    "softmax": _clip,
    "sigmoid": _sigmoid,
    "logits": _softmax,
    "labels": _clip,
}
