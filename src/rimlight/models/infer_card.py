"""A card for a model file that came without one, as far as the file itself tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard, ModelFile, choose_runtime
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.runtime import INPUT_TYPES, Engine, TensorInfo

_NOTE = (
    "Guessed from the file: no card was found for it. Colors are taken as RGB in 0..1 (quantized "
    "inputs: 0..255), stretched to the input. Write a card to say otherwise (models/README.md)."
)
_MAX_LABELS = 256


def guess_card(file: Path) -> ModelCard:
    """Return a card with what can be read off the model: sizes, kind of output, class count.

    A single channel is taken as "person"; several become class_0, class_1 and so on, all but
    class_0 in the foreground. Whether sigmoid or softmax was applied shows in a trial run.

    Raises:
        ModelFormatError: the file is no segmentation model that a card could describe.
        MissingDependencyError: a .keras file, and Keras is not installed.
    """
    engine = _open(file)
    try:
        width, height = _input_size(file, engine.input)
        _check_outputs(file, engine.outputs)
        output = _trial(engine, (height, width))
    finally:
        engine.close()
    if np.isnan(output).any():
        raise ModelFormatError(
            f"{file.name} is no use: its scores are no numbers (NaN)",
            hint="train it again at a lower rate, or choose another model",
        )
    kind, count = _kind(file, output, engine.outputs[0])
    classes = ("person",) if count == 1 else tuple(f"class_{n}" for n in range(count))
    scale, offset = _scaling(engine.input)
    return ModelCard(
        name=_name(file),
        summary="a model file without a card",
        files=(ModelFile(file=file.name),),
        input={"size": (width, height), "scale": scale, "offset": offset},
        output={"kind": kind},
        classes=classes,
        foreground=classes[1:] or classes,
        notes=_NOTE,
    )


def _open(file: Path) -> Engine:
    runtime = choose_runtime(file)
    SEGMENTERS.load(runtime)
    if runtime == "keras":
        from rimlight.segmenters.keras import KerasEngine

        return KerasEngine(file)
    from rimlight.segmenters.tflite import TfliteEngine

    return TfliteEngine(file, threads=1)


def _input_size(file: Path, info: TensorInfo) -> tuple[int, int]:
    shape = info.shape
    if len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < 2:
        raise ModelFormatError(
            f"cannot guess how to feed {file.name}: its input is {info}, not 1 x h x w x 3",
            hint="write a card for it: models/README.md shows how",
        )
    if info.dtype not in INPUT_TYPES:
        raise ModelFormatError(
            f"rimlight cannot feed {file.name}: its input is {info}",
            hint=f"convert it with an input of one of {', '.join(INPUT_TYPES)}",
        )
    return shape[2], shape[1]


def _check_outputs(file: Path, outputs: tuple[TensorInfo, ...]) -> None:
    if len(outputs) != 1:
        raise _unreadable(file, f"it has {len(outputs)} outputs")
    if len(outputs[0].shape) not in (3, 4):
        raise _unreadable(file, f"its output is {outputs[0]}, not 1 x h x w x classes")


def _trial(engine: Engine, shape: tuple[int, int]) -> NDArray[Any]:
    """Return a copy of what the model makes of noise."""
    noise = np.random.default_rng(0).random((1, *shape, 3))
    whole = np.issubdtype(np.dtype(engine.input.dtype), np.integer)
    tensor = (noise * 127 if whole else noise).astype(engine.input.dtype)
    return engine.run(tensor, 0).copy()


def _kind(file: Path, output: NDArray[Any], info: TensorInfo) -> tuple[str, int]:
    """Return the kind of output and the number of classes."""
    is_float = np.issubdtype(output.dtype, np.floating)
    if not is_float and not info.scale and output.shape[3:] in ((), (1,)):
        return "labels", _MAX_LABELS
    if not is_float and not info.scale:
        raise _unreadable(file, f"its output is {info}")
    values = output.astype(np.float32)
    if info.scale:
        values = (values - info.zero) * info.scale
    count = 1 if len(output.shape) == 3 else output.shape[3]
    bounded = bool(values.min() >= -0.01 and values.max() <= 1.01)
    if count == 1:
        return ("probability" if bounded else "sigmoid"), 1
    sums_to_one = bool(np.allclose(values.sum(axis=3), 1, atol=0.05))
    return ("softmax" if bounded and sums_to_one else "logits"), count


def _unreadable(file: Path, reason: str) -> ModelFormatError:
    hint = "write a card for it: models/README.md shows how"
    return ModelFormatError(f"cannot guess how to read {file.name}: {reason}", hint=hint)


def _scaling(info: TensorInfo) -> tuple[float, float]:
    """Return scale and offset: the tensor's own steps when quantized, else 0..1."""
    if not np.issubdtype(np.dtype(info.dtype), np.integer):
        return 1 / 255, 0.0
    lowest = int(np.iinfo(info.dtype).min)
    if not info.scale:
        return 1.0, float(lowest)
    return info.scale, (lowest - info.zero) * info.scale


def _name(file: Path) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in file.stem)
    return kept.lstrip("._-") or "model"
