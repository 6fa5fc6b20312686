"""Frames to input tensors and output tensors to masks, as a card says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Frame, Mask
from rimlight.core.model_card import InputSpec, ModelCard
from rimlight.imaging import fast
from rimlight.imaging.geometry import Rect, cut, letterbox
from rimlight.imaging.pool import ArrayPool
from rimlight.segmenters.engine import TensorInfo
from rimlight.segmenters.sample import (
    ColorShrinker,
    Mixer,
    color_weights,
    small_planes,
)

Scores = NDArray[np.float32]
Labels = NDArray[np.uint8]


class InputMaker:
    """Turns frames into the input tensor of one model.

    A frame becomes a small picture first; one table then does scale, offset, quantization and
    the change of type, for each of the 256 levels of a color.

    Args:
        spec: what the card says of the input.
        info: what the file says of it; its quantization is folded into the table.
        memory: where tensors are made: (1, h, w, 3) of the file's type. None for memory of its own.
    """

    def __init__(
        self, spec: InputSpec, info: TensorInfo, memory: NDArray[Any] | None = None
    ) -> None:
        width, height = spec.size
        self._size = spec.size
        self._letterbox = spec.fit == "letterbox"
        self._table = _level_table(spec, info)
        self._padding = self._table[0, spec.pad]
        self._made_for: tuple[int, int] | None = None
        self._place = Rect(0, 0, *self._size)
        self._shrinker = ColorShrinker(spec.color)
        if memory is None or memory.dtype != self._table.dtype:
            memory = np.empty((1, height, width, 3), self._table.dtype)
        self._tensor = memory
        self._dtype = info.dtype
        self._mixer = Mixer(color_weights(spec.color))
        self._line = tuple(
            np.float32(np.broadcast_to(part, 3)) for part in (spec.scale, spec.offset)
        )

    def make(self, frame: Frame) -> NDArray[Any]:
        """Return `frame` as a tensor (1, h, w, 3) that the next call overwrites."""
        if self._made_for != frame.size:
            self._tensor[...] = self._padding
            self._made_for, self._place = frame.size, self.place(frame.size)
        rect = self._place
        left, top, width, height = int(rect.left), int(rect.top), int(rect.width), int(rect.height)
        kernels = fast.kernels()
        if kernels and frame.layout == "i420" and self._dtype == "float32":
            kernels.fetch(frame.image)
            small = small_planes(frame, (width, height))
            matrix = self._mixer.matrix(frame)
            kernels.fill_tensor(*small, matrix, *self._line, self._tensor[0], top, left)
            return self._tensor
        window = self._tensor[0, top : top + height, left : left + width]
        cv2.LUT(self._shrinker.shrink(frame, (width, height)), self._table, dst=window)
        return self._tensor.astype(self._dtype, copy=False)

    def place(self, size: tuple[int, int]) -> Rect:
        """Return where a frame of `size` (width, height) lies in the input, in whole pixels."""
        if size == self._made_for:
            return self._place
        return letterbox(size, self._size) if self._letterbox else Rect(0, 0, *self._size)


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
        rect = place.scaled(x, y)
        whole = rect == Rect(0, 0, values.shape[1], values.shape[0])
        if card.output.kind == "labels":
            labels = self._labels(values)
            labels = labels if whole else cut(labels, rect, smooth=False)
            return Mask.from_labels(labels, card.classes, foreground=card.foreground)
        scores = self._scores(values)
        scores = scores if whole else cut(scores, rect)
        return Mask(scores, card.classes, card.foreground, card.edges)

    def _labels(self, values: NDArray[Any]) -> Labels:
        found, known = int(values.max()), len(self._card.classes)
        if found >= known or values.min() < 0:
            raise ModelFormatError(
                f"model {self._card.name!r} gave the label {found}, its card names {known} classes",
                hint="complete the classes in the card",
            )
        labels: Labels = self._pool.take(values.shape[:2])
        np.copyto(labels, values.reshape(labels.shape), casting="unsafe")
        return labels

    def _scores(self, values: NDArray[Any]) -> Scores:
        height, width = values.shape[:2]
        scores: Scores = self._pool.take((height, width, len(self._card.classes)), np.float32)
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
    kernels = fast.kernels()
    if kernels and values.dtype == np.float32 and values.flags.c_contiguous:
        kernels.clip(values, scores)
    else:
        np.clip(values, 0, 1, out=scores, casting="unsafe")


def _folded(spec: InputSpec, info: TensorInfo) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and offset, three each, from a color (0..255) to the tensor's own values."""
    scale = np.broadcast_to(np.asarray(spec.scale, np.float64), 3)
    offset = np.broadcast_to(np.asarray(spec.offset, np.float64), 3)
    if info.scale:
        return scale / info.scale, offset / info.scale + info.zero
    return scale, offset


def _level_table(spec: InputSpec, info: TensorInfo) -> NDArray[Any]:
    """Return what each level 0..255 of each channel becomes: (1, 256, 3) of the input's type."""
    scale, offset = _folded(spec, info)
    values = np.arange(256)[:, None] * scale + offset
    if np.issubdtype(np.dtype(info.dtype), np.integer):
        limits = np.iinfo(info.dtype)
        return np.rint(values).clip(limits.min, limits.max).astype(info.dtype)[None]
    return values.astype(np.float32)[None]  # OpenCV has no tables of float16


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
