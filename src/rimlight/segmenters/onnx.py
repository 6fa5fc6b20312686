"""Models in .onnx files, run by ONNX Runtime."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from rimlight.core.errors import ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.model_segmenter import ModelSegmenter
from rimlight.segmenters.runtime import (
    ModelOptions,
    TensorInfo,
    ThreadOptions,
    Threads,
    count_threads,
)

_CPU = "CPUExecutionProvider"
_ERRORS_ONLY = 3
_UNKNOWN_OP = re.compile(r"No Op registered for (\w+)|(\w+) is not a registered function/op")
_TENSOR = re.compile(r"tensor\((\w+)\)")
_FLOATS = {"float": "float32", "double": "float64"}


class OnnxSegmenter(ModelSegmenter):
    """Segments with an .onnx model.

    Args:
        card: how to feed the file and read its output.
        file: the .onnx file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ModelOptions, ThreadOptions):
        """Runtime options of .onnx models."""

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        runtime = OnnxRuntime(file, threads=options.threads)
        super().__init__(card, file, runtime, parts=options.parts)


class OnnxRuntime:
    """An open .onnx file. ONNX Runtime releases the GIL while it computes.

    Args:
        file: the model.
        threads: CPU threads.
    """

    def __init__(self, file: Path, *, threads: Threads) -> None:
        if not file.is_file():
            raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
        self._file = file
        self._session: Any = _open_session(file, count_threads(threads))
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelFormatError(f"{file.name} has {len(inputs)} inputs, must be 1")
        self._input_name = inputs[0].name
        self.input = _describe_tensor(inputs[0])
        outputs = self._session.get_outputs()
        self._output_names = [output.name for output in outputs]
        self.outputs = tuple(_describe_tensor(output) for output in outputs)

    @property
    def input_buffer(self) -> None:
        """None: the session reads the tensor where it is."""
        return None

    def run(self, tensor: NDArray[Any], output: int) -> NDArray[Any]:
        """Return output number `output`, a new array; no other output is copied.

        Raises:
            ModelError: the model cannot run on this input.
        """
        names = [self._output_names[output]]
        try:
            result: NDArray[Any] = self._session.run(names, {self._input_name: tensor})[0]
        except Exception as exc:
            raise _make_run_error(self._file, exc) from exc
        return result

    def close(self) -> None:
        """Release the model."""
        self._session = None


def _open_session(file: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between two frames take the processor from the decoder and the effects.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(file), options, providers=[_CPU])
    # ONNX Runtime has a dozen classes of errors that share no base but Exception.
    except Exception as exc:
        raise _make_open_error(file, " ".join(str(exc).split())) from exc


def _make_run_error(file: Path, exc: Exception) -> ModelError:
    reason = " ".join(str(exc).split())[:300]
    return ModelError(
        f"{file.name} cannot run: {reason}", hint="check the input in its card, or the file"
    )


def _make_open_error(file: Path, reason: str) -> ModelFormatError:
    """Make an error that distinguishes an unsupported operation from a damaged file."""
    if unknown := _UNKNOWN_OP.search(reason):
        return ModelFormatError(
            f"{file} uses an operation that ONNX Runtime lacks: {unknown[1] or unknown[2]}",
            hint="export it without custom operations, or choose another model",
        )
    return ModelFormatError(
        f"{file} is not a model that ONNX Runtime can open: {reason[:300]}",
        hint="the file may be damaged: fetch it again",
    )


def _describe_tensor(tensor: Any) -> TensorInfo:
    """Describe an ONNX tensor; sides with a name instead of a number are open.

    An open batch size becomes 1.
    """
    sides = [side if isinstance(side, int) else -1 for side in tensor.shape]
    if sides[:1] == [-1]:
        sides[0] = 1
    kind = _TENSOR.fullmatch(tensor.type)
    dtype = _FLOATS.get(kind[1], kind[1]) if kind else "object"
    return TensorInfo(tuple(sides), dtype)
