"""Models in .tflite files, run by LiteRT's Interpreter on the CPU."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.model_segmenter import ModelSegmenter
from rimlight.segmenters.runtime import (
    ModelOptions,
    TensorInfo,
    ThreadOptions,
    Threads,
    count_threads,
)
from rimlight.system.stderr import filter_stderr

_FLEX = re.compile(r"\bFlex(\w+)")
_CUSTOM = re.compile(r"unresolved custom op: (\w+)")


class TfliteSegmenter(ModelSegmenter):
    """Segments with a .tflite model.

    Args:
        card: how to feed the file and read its output.
        file: the .tflite file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ModelOptions, ThreadOptions):
        """Runtime options of .tflite models."""

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        runtime = TfliteRuntime(file, size=card.input.size, threads=options.threads)
        super().__init__(card, file, runtime, parts=options.parts, device=options.device)


class TfliteRuntime:
    """An open .tflite file. One thread at a time may use it.

    Uses `Interpreter`, which releases the GIL while it computes, and keeps its default XNNPACK
    delegate: the selfie models hold an operation that nothing else runs.

    Args:
        file: the model.
        size: (width, height) for an input whose size the file leaves open.
        threads: CPU threads.
    """

    def __init__(
        self, file: Path, *, size: tuple[int, int] | None = None, threads: Threads
    ) -> None:
        if not file.is_file():
            raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
        self._interpreter: Any = _open_interpreter(file, size, count_threads(threads))
        self._inputs = [
            _describe_tensor(detail) for detail in self._interpreter.get_input_details()
        ]
        self.outputs = tuple(
            _describe_tensor(detail) for detail in self._interpreter.get_output_details()
        )
        if len(self._inputs) != 1:
            raise ModelFormatError(f"{file.name} has {len(self._inputs)} inputs, must be 1")
        self.input = self._inputs[0]
        self._input_at = self._interpreter.get_input_details()[0]["index"]
        self._outputs_at = [d["index"] for d in self._interpreter.get_output_details()]
        self.input_buffer: NDArray[Any] | None = _view_buffer(
            self._interpreter.tensor(self._input_at)()
        )

    def run(self, tensor: NDArray[Any], output: int) -> NDArray[Any]:
        """Return output `output`: a view that must be released before the next call."""
        if tensor is not self.input_buffer:
            self.set_input(tensor)
        self.invoke()
        view: NDArray[Any] = self._interpreter.tensor(self._outputs_at[output])()
        return view

    def set_input(self, tensor: NDArray[Any]) -> None:
        """Copy `tensor` into the input."""
        self._interpreter.set_tensor(self._input_at, tensor)

    def invoke(self) -> None:
        """Run the model on the current input."""
        self._interpreter.invoke()

    def read_output(self, output: int) -> NDArray[Any]:
        """Return another output of the last run: a view to release before the next run."""
        view: NDArray[Any] = self._interpreter.tensor(self._outputs_at[output])()
        return view

    def run_all(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Return new arrays of all outputs, quantized ones as float32 real values."""
        if tensor is not self.input_buffer:
            self.set_input(tensor)
        self.invoke()
        read = self._interpreter.get_tensor
        found = zip(map(read, self._outputs_at), self.outputs, strict=True)
        return [(v.astype("float32") - i.zero) * i.scale if i.scale else v for v, i in found]

    def close(self) -> None:
        """Release the model; afterwards neither the runtime nor `input_buffer` may be used."""
        self._interpreter = self.input_buffer = None


def _view_buffer(tensor: NDArray[Any]) -> NDArray[Any]:
    """Return an array over the same bytes that does not block the interpreter.

    LiteRT refuses to run while a view of its tensors is alive. The memory stays where it is until
    tensors are allocated anew, which an engine never does.
    """
    place = (ctypes.c_uint8 * tensor.nbytes).from_address(tensor.ctypes.data)
    return np.frombuffer(memoryview(place), tensor.dtype).reshape(tensor.shape)


def _open_interpreter(file: Path, size: tuple[int, int] | None, threads: int) -> Any:
    try:
        with filter_stderr(b"INFO: "):  # "Created TensorFlow Lite XNNPACK delegate"
            interpreter = Interpreter(model_path=str(file), num_threads=threads)
            detail = interpreter.get_input_details()[0]
            if size and len(detail["shape_signature"]) == 4 and -1 in detail["shape_signature"]:
                interpreter.resize_tensor_input(detail["index"], (1, size[1], size[0], 3))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as exc:
        raise _make_open_error(file, " ".join(str(exc).split())) from exc
    return interpreter


def _make_open_error(file: Path, reason: str) -> ModelFormatError:
    """Make an error that distinguishes an unsupported operation from a damaged file."""
    if flex := _FLEX.search(reason):
        return ModelFormatError(
            f"{file} uses an operation of TensorFlow itself (Flex: {flex[1]}), which LiteRT lacks",
            hint="convert it with supported_ops TFLITE_BUILTINS only, or choose another model",
        )
    if custom := _CUSTOM.search(reason):
        return ModelFormatError(
            f"{file} uses an operation that only its makers' program knows: {custom[1]}",
            hint="convert it without custom operations, or choose another model",
        )
    return ModelFormatError(
        f"{file} is not a model that LiteRT can open: {reason}",
        hint="the file may be damaged: fetch it again",
    )


def _describe_tensor(detail: dict[str, Any]) -> TensorInfo:
    scale, zero = detail["quantization"]
    shape = tuple(int(side) for side in detail["shape"])
    return TensorInfo(shape, np.dtype(detail["dtype"]).name, float(scale), int(zero))
