"""The interface of inference runtimes, and the check of a model file against its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard
from rimlight.system.cpu import count_usable_cores

Device = Literal["auto", "cpu", "cuda", "tensorrt", "rocm", "openvino", "coreml", "directml"]
"""Processors that a model may run on. A runtime may support some of them."""
Threads = Annotated[int, Field(ge=1, le=64)] | Literal["auto"]

_FLOATS = ("float32", "float16")
_QUANTIZED = ("uint8", "int8")
INPUT_TYPES = _FLOATS + _QUANTIZED
"""Supported types of the input tensor."""


class RuntimeOptions(opt.Options):
    """Options of all runtimes."""

    device: Annotated[
        Device,
        Field(
            description="device that runs .onnx and .keras models (others run on the CPU); auto: "
            "the best that is available"
        ),
    ] = "auto"


class ModelOptions(RuntimeOptions):
    """Options of all runtimes that give one mask for the whole frame."""

    parts: Annotated[
        bool,
        Field(
            description="of models of a person's parts: a class for each part (hair, clothes) "
            "instead of one for the person"
        ),
    ] = False


class ThreadOptions(RuntimeOptions):
    """Options of the runtimes whose number of threads can be chosen."""

    threads: Annotated[
        Threads, Field(description="CPU threads; auto: half of the cores, 4 at most")
    ] = "auto"


def count_threads(threads: Threads) -> int:
    """Return the number of CPU threads; "auto" leaves cores to decode and composite."""
    return choose_thread_count() if threads == "auto" else threads


def choose_thread_count() -> int:
    """Return half of the usable cores, 1 to 4; the rest decodes and composites."""
    return max(1, min(4, count_usable_cores() // 2))


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
        return f"{self.dtype} {_format_shape(self.shape)}"


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


def describe_device(model: str, asked: Device, got: Device) -> tuple[str, ...]:
    """Return a note about the device of a model; none where the CPU is what one expects."""
    if got == "cpu" and asked in {"auto", "cpu"}:
        return ()
    wanted = "" if asked == got else f" (asked for: {asked})"
    return (f"model {model} runs on the device {got}{wanted}",)


def check_card(card: ModelCard, file: Path, engine: InferenceRuntime) -> None:
    """Check a model file against its card.

    Raises:
        ModelFormatError: they disagree; the message shows both.
    """
    check_input(card, file, engine)
    if card.output.index >= len(engine.outputs):
        found = f"{len(engine.outputs)} output(s)"
        raise make_mismatch_error(
            card, file, found, f"output number {card.output.index}, counted from 0"
        )
    _check_output(card, file, engine.outputs[card.output.index])


def check_input(card: ModelCard, file: Path, engine: InferenceRuntime) -> None:
    """Check the input of a model file against its card; a file may leave its shape open.

    Raises:
        ModelFormatError: they disagree.
    """
    expected = _make_input_shape(card)
    if engine.input.shape and not _is_compatible(engine.input.shape, expected):
        raise make_mismatch_error(card, file, f"input {engine.input}", _format_shape(expected))
    if engine.input.dtype not in INPUT_TYPES:
        raise make_mismatch_error(card, file, f"input {engine.input}", "float32, uint8 or int8")


def _make_input_shape(card: ModelCard) -> tuple[int, ...]:
    """Return the shape that the card gives the input; -1: a side depends on the frame."""
    width, height = card.input.size or (-1, -1)
    return (1, 3, height, width) if card.input.layout == "nchw" else (1, height, width, 3)


def _check_output(card: ModelCard, file: Path, output: TensorInfo) -> None:
    classes = len(card.classes)
    planar = (card.output.layout or card.input.layout) == "nchw"
    if card.output.kind == "labels":
        if not _is_map(output.shape, 1, planar=planar):
            raise make_mismatch_error(card, file, f"output {output}", "labels, 1 x height x width")
        if not np.issubdtype(np.dtype(output.dtype), np.integer):
            raise make_mismatch_error(card, file, f"output {output}", "labels, which are integers")
        return
    if not _is_map(output.shape, classes, planar=planar):
        axes = f"1 x {classes} x height x width" if planar else f"1 x height x width x {classes}"
        expected = f"{classes} class(es), {axes}"
        raise make_mismatch_error(card, file, f"output {output}", expected)
    if output.dtype not in _FLOATS and not output.scale:
        raise make_mismatch_error(
            card, file, f"output {output}", f"{card.output.kind}, which is not whole"
        )


def _format_shape(shape: tuple[int, ...]) -> str:
    return "x".join("?" if side < 0 else str(side) for side in shape)


def _is_compatible(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return True if `shape` (-1: dynamic) is compatible with `wanted`."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(has in (-1, want) for has, want in pairs)


def _is_map(shape: tuple[int, ...], channels: int, *, planar: bool) -> bool:
    """Return True if a tensor is one map of `channels`; one channel may omit the axis."""
    if len(shape) == 3:
        return channels == 1
    return len(shape) == 4 and shape[1 if planar else 3] in (-1, channels)


def make_mismatch_error(card: ModelCard, file: Path, found: str, said: str) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name} has {found}, its card {card.name!r} says {said}",
        hint="correct the card, or use the file that it was written for",
    )
