"""Infers the card of a model file that comes without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard, ModelFile, choose_runtime
from rimlight.core.tensor_specs import Layout
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.runtime import INPUT_TYPES, InferenceRuntime, TensorInfo

_NOTE = (
    "Inferred from the file: no card was found for it. Colors are assumed to be RGB in 0..1 "
    "(quantized inputs: 0..255), stretched to the input. Write a card to change that "
    "(models/README.md)."
)
_OPEN_INPUT = {"short_side": 512, "multiple": 32}
"""The input of a file that leaves its size open: most networks halve it five times."""
_MAX_LABELS = 256
_TRIAL_SIDE = 256
"""Sides of the trial input where the file leaves them open; a multiple of 32."""


def infer_card(file: Path) -> ModelCard:
    """Return a card with the sizes, the output kind and the class count of a model.

    A single channel becomes "person"; several become class_0, class_1 and so on, with all but
    class_0 in the foreground. A trial run shows whether sigmoid or softmax was applied.

    Raises:
        ModelFormatError: the file is not a segmentation model that a card can describe.
        MissingDependencyError: a .keras file, and Keras is not installed.
    """
    engine = _open_runtime(file)
    try:
        layout = _infer_layout(file, engine.input)
        if count := _count_box_classes(engine, layout):
            names = getattr(engine, "class_names", ())
            return _make_box_card(file, _read_size(engine.input, layout), layout, names, count)
        _check_outputs(file, engine.outputs)
        output = _run_on_noise(engine, layout)
    finally:
        engine.close()
    if np.isnan(output).any():
        raise ModelFormatError(
            f"{file.name} cannot be used: its scores are NaN",
            hint="train it again at a lower learning rate, or choose another model",
        )
    if layout == "nchw" and output.ndim == 4:
        output = output.transpose(0, 2, 3, 1)
    kind, count = _infer_output_kind(file, output, engine.outputs[0])
    classes = ("person",) if count == 1 else tuple(f"class_{n}" for n in range(count))
    scale, offset = _infer_scaling(engine.input)
    size = _read_size(engine.input, layout)
    sides = _OPEN_INPUT if size is None else {"size": size}
    return ModelCard(
        name=_make_name(file),
        summary="a model file without a card",
        files=(ModelFile(file=file.name),),
        input={**sides, "layout": layout, "scale": scale, "offset": offset},
        output={"kind": kind},
        classes=classes,
        foreground=classes[1:] or classes,
        notes=_NOTE,
    )


def _open_runtime(file: Path) -> InferenceRuntime:
    runtime = choose_runtime(file)
    SEGMENTERS.load(runtime)
    if runtime == "keras":
        from rimlight.segmenters.keras import KerasRuntime

        return KerasRuntime(file)
    if runtime == "onnx":
        from rimlight.segmenters.onnx_runtime import OnnxRuntime

        return OnnxRuntime(file, threads=1)
    from rimlight.segmenters.tflite import TfliteRuntime

    return TfliteRuntime(file, threads=1)


def _infer_layout(file: Path, info: TensorInfo) -> Layout:
    """Return the order of the input's axes."""
    shape = info.shape
    planar = len(shape) == 4 and shape[1] == 3 and shape[3] != 3
    sides = shape[2:] if planar else shape[1:3]
    if len(shape) != 4 or not (planar or shape[3] == 3) or any(0 <= side < 2 for side in sides):
        raise ModelFormatError(
            f"cannot infer the input of {file.name}: it is {info}, not 1 x h x w x 3 or "
            "1 x 3 x h x w",
            hint="write a card for it: models/README.md shows how",
        )
    if info.dtype not in INPUT_TYPES:
        raise ModelFormatError(
            f"rimlight cannot feed {file.name}: its input is {info}",
            hint=f"convert it with an input of one of {', '.join(INPUT_TYPES)}",
        )
    return "nchw" if planar else "nhwc"


def _read_size(info: TensorInfo, layout: Layout) -> tuple[int, int] | None:
    """Return (width, height) of the input; None if the file leaves it open."""
    height, width = info.shape[2:] if layout == "nchw" else info.shape[1:3]
    return (width, height) if min(width, height) > 0 else None


def _check_outputs(file: Path, outputs: tuple[TensorInfo, ...]) -> None:
    if len(outputs) != 1:
        raise _make_format_error(file, f"it has {len(outputs)} outputs")
    if len(outputs[0].shape) not in (3, 4):
        raise _make_format_error(file, f"its output is {outputs[0]}, not 1 x h x w x classes")


def _count_box_classes(engine: InferenceRuntime, layout: Layout) -> int:
    """Return the number of classes of a detector of the YOLO family; 0 for other models.

    Its only output is (1, 4 + classes, n), with a box for each cell of three grids, whose cells
    have 8, 16 and 32 pixels.
    """
    size = _read_size(engine.input, layout)
    shape = engine.outputs[0].shape
    if size is None or len(engine.outputs) != 1 or len(shape) != 3:
        return 0
    cells = sum((size[0] // step) * (size[1] // step) for step in (8, 16, 32))
    return shape[1] - 4 if shape[2] == cells and shape[1] > 4 else 0


def _make_box_card(
    file: Path, size: tuple[int, int] | None, layout: Layout, names: tuple[str, ...], count: int
) -> ModelCard:
    """Return the card of a detector of the YOLO family, exported with the usual settings."""
    classes = tuple(_clean_name(name) for name in names)
    if len(set(classes)) != count:
        classes = tuple(f"object_{number}" for number in range(count)) if count > 1 else ("object",)
    return ModelCard(
        name=_make_name(file),
        summary="a detector without a card",
        files=(ModelFile(file=file.name),),
        input={"size": size, "layout": layout, "fit": "letterbox", "pad": 114},
        output={"kind": "boxes", "boxes": "pixels" if file.suffix.lower() == ".onnx" else "share"},
        classes=classes,
        foreground=classes,
        notes=_NOTE,
    )


def _clean_name(name: str) -> str:
    """Return a class name that can be said in a list with commas."""
    return "-".join(name.replace(",", " ").split()) or "object"


def _run_on_noise(engine: InferenceRuntime, layout: Layout) -> NDArray[Any]:
    """Return a copy of the output for noise."""
    width, height = _read_size(engine.input, layout) or (_TRIAL_SIDE, _TRIAL_SIDE)
    shape = (1, 3, height, width) if layout == "nchw" else (1, height, width, 3)
    noise = np.random.default_rng(0).random(shape)
    is_integer = np.issubdtype(np.dtype(engine.input.dtype), np.integer)
    tensor = (noise * 127 if is_integer else noise).astype(engine.input.dtype)
    return engine.run(tensor, 0).copy()


def _infer_output_kind(file: Path, output: NDArray[Any], info: TensorInfo) -> tuple[str, int]:
    """Return the kind of output and the number of classes."""
    is_float = np.issubdtype(output.dtype, np.floating)
    if not is_float and not info.scale and output.shape[3:] in ((), (1,)):
        return "labels", _MAX_LABELS
    if not is_float and not info.scale:
        raise _make_format_error(file, f"its output is {info}")
    values = output.astype(np.float32)
    if info.scale:
        values = (values - info.zero) * info.scale
    count = 1 if len(output.shape) == 3 else output.shape[3]
    is_bounded = bool(values.min() >= -0.01 and values.max() <= 1.01)
    if count == 1:
        return ("probability" if is_bounded else "sigmoid"), 1
    sums_to_one = bool(np.allclose(values.sum(axis=3), 1, atol=0.05))
    return ("softmax" if is_bounded and sums_to_one else "logits"), count


def _make_format_error(file: Path, reason: str) -> ModelFormatError:
    hint = "write a card for it: models/README.md shows how"
    return ModelFormatError(f"cannot infer the output of {file.name}: {reason}", hint=hint)


def _infer_scaling(info: TensorInfo) -> tuple[float, float]:
    """Return scale and offset: those of the tensor if quantized, else of 0..1."""
    if not np.issubdtype(np.dtype(info.dtype), np.integer):
        return 1 / 255, 0.0
    lowest = int(np.iinfo(info.dtype).min)
    if not info.scale:
        return 1.0, float(lowest)
    return info.scale, (lowest - info.zero) * info.scale


def _make_name(file: Path) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in file.stem)
    return name.lstrip("._-") or "model"
