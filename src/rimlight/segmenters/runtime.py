"""The interface of inference runtimes, and the check of a model file against its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard

_FLOATS = ("float32", "float16")
_QUANTIZED = ("uint8", "int8")
INPUT_TYPES = _FLOATS + _QUANTIZED
"""Supported types of the input tensor."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a model file.

    Attributes:
        shape: its sides; -1 where the file leaves one open.
        dtype: NumPy's name of its type.
        scale: of a quantized tensor: real value = (value - zero) * scale; 0 for all others.
        zero: see `scale`.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero: int = 0

    def __str__(self) -> str:
        sides = "x".join("?" if side < 0 else str(side) for side in self.shape)
        return f"{self.dtype} {sides}"


class InferenceRuntime(Protocol):
    """An open model file."""

    @property
    def input(self) -> TensorInfo:
        """The one input."""
        ...

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """All outputs in the file's order."""
        ...

    @property
    def input_buffer(self) -> NDArray[Any] | None:
        """The input tensor's memory, or None; `run` copies any other tensor."""
        ...

    def run(self, tensor: NDArray[Any], output: int) -> NDArray[Any]:
        """Return output number `output` for an input tensor; valid until the next call."""
        ...

    def close(self) -> None:
        """Release the model; idempotent."""
        ...


def check_card(card: ModelCard, file: Path, engine: InferenceRuntime) -> None:
    """Check a model file against its card.

    Raises:
        ModelFormatError: they disagree; the message shows both.
    """
    width, height = card.input.size
    if not _is_compatible(engine.input.shape, (1, height, width, 3)):
        raise make_mismatch_error(card, file, f"input {engine.input}", f"1x{height}x{width}x3")
    if engine.input.dtype not in INPUT_TYPES:
        raise make_mismatch_error(card, file, f"input {engine.input}", "float32, uint8 or int8")
    if card.output.index >= len(engine.outputs):
        found = f"{len(engine.outputs)} output(s)"
        raise make_mismatch_error(
            card, file, found, f"output number {card.output.index}, counted from 0"
        )
    _check_output(card, file, engine.outputs[card.output.index])


def _check_output(card: ModelCard, file: Path, output: TensorInfo) -> None:
    classes = len(card.classes)
    if card.output.kind == "labels":
        if not _is_map(output.shape, 1):
            raise make_mismatch_error(card, file, f"output {output}", "labels, 1 x height x width")
        if not np.issubdtype(np.dtype(output.dtype), np.integer):
            raise make_mismatch_error(card, file, f"output {output}", "labels, which are integers")
        return
    if not _is_map(output.shape, classes):
        expected = f"{classes} class(es), 1 x height x width x {classes}"
        raise make_mismatch_error(card, file, f"output {output}", expected)
    if output.dtype not in _FLOATS and not output.scale:
        raise make_mismatch_error(
            card, file, f"output {output}", f"{card.output.kind}, which is not whole"
        )


def _is_compatible(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return True if `shape` (-1: dynamic) is compatible with `wanted`."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(has in (-1, want) for has, want in pairs)


def _is_map(shape: tuple[int, ...], channels: int) -> bool:
    """Return True if a tensor is one map of `channels`; one channel may omit the axis."""
    if len(shape) == 3:
        return channels == 1
    return len(shape) == 4 and shape[3] == channels


def make_mismatch_error(card: ModelCard, file: Path, found: str, said: str) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name} has {found}, its card {card.name!r} says {said}",
        hint="correct the card, or use the file that it was written for",
    )
