"""An open .onnx file: its inputs, its outputs, and the states of a recurrent network."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.core.registry import suggest
from rimlight.segmenters.onnx_devices import (
    Backend,
    OrtBackend,
    choose_device,
    open_session,
    read_device,
)
from rimlight.segmenters.runtime import Device, TensorInfo, Threads, count_threads

_log = logging.getLogger(__name__)

_UNKNOWN_OP = re.compile(r"No Op registered for (\w+)|(\w+) is not a registered function/op")
_TENSOR = re.compile(r"tensor\((\w+)\)")
_FLOATS = {"float": "float32", "double": "float64"}


class OnnxRuntime:
    """An open .onnx file. ONNX Runtime releases the GIL while it computes.

    A device that fails, now or later, is replaced by the CPU, with one warning.

    Args:
        file: the model.
        threads: CPU threads.
        device: the processor to run on.
        card: names the inputs that are not the frame; None: there is only one.
        backend: opens the file.

    Raises:
        ConfigError: the installed ONNX Runtime was not built for `device`.
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or lacks what the card names.
    """

    def __init__(
        self,
        file: Path,
        *,
        threads: Threads,
        device: Device = "auto",
        card: ModelCard | None = None,
        backend: Backend | None = None,
    ) -> None:
        if not file.is_file():
            raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
        self._file = file
        self._threads, self._backend = count_threads(threads), backend or OrtBackend()
        self.device = choose_device(device, self._backend)
        """The device in use."""
        self._session: Any = self._open()
        inputs = {each.name: _describe_tensor(each) for each in self._session.get_inputs()}
        outputs = {each.name: _describe_tensor(each) for each in self._session.get_outputs()}
        self._output_names, self.outputs = list(outputs), tuple(outputs.values())
        self._feedback = {each.output: each.input for each in card.recurrent} if card else {}
        constants = card.constants if card else {}
        extra = [*self._feedback.values(), *constants]
        self._input_name = _find_input(file, list(inputs), extra, card.input.name if card else "")
        self.input = inputs[self._input_name]
        if missing := [name for name in self._feedback if name not in outputs]:
            raise _make_name_error(file, "output", missing[0], list(outputs))
        self._initial = {name: _fill(inputs[name], 0) for name in self._feedback.values()}
        self._constants = {name: _fill(inputs[name], value) for name, value in constants.items()}
        self._states = self._initial

    @property
    def input_buffer(self) -> None:
        """None: the session reads the tensor where it is."""
        return None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, where the exporter stored them as Ultralytics does; else none."""
        text = self._session.get_modelmeta().custom_metadata_map.get("names", "")
        try:
            names = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return ()
        return tuple(map(str, names.values() if isinstance(names, dict) else names))

    def run(self, tensor: NDArray[Any], output: int) -> NDArray[Any]:
        """Return output number `output`, a new array, and keep the states for the next run.

        Raises:
            ModelError: the model cannot run on this input.
        """
        names = [self._output_names[output], *self._feedback]
        feeds = {**self._constants, **self._states, self._input_name: tensor}
        result, *states = self._run_or_fall_back(names, feeds)
        self._states = dict(zip(self._feedback.values(), states, strict=True))
        return cast(NDArray[Any], result)

    def run_all(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Return new arrays of all outputs of a network without states.

        Raises:
            ModelError: the model cannot run on this input.
        """
        feeds = {**self._constants, self._input_name: tensor}
        return self._run_or_fall_back(self._output_names, feeds)

    def _run_or_fall_back(self, names: list[str], feeds: dict[str, NDArray[Any]]) -> list[Any]:
        try:
            return cast(list[Any], self._session.run(names, feeds))
        # ONNX Runtime has a dozen classes of errors that share no base but Exception.
        except Exception as exc:
            if self.device == "cpu":
                raise _make_run_error(self._file, exc) from exc
            self._fall_back(exc)
        return self._run_or_fall_back(names, feeds)

    def _open(self) -> Any:
        try:
            session = open_session(self._file, self.device, self._backend, threads=self._threads)
        except Exception as exc:
            if self.device == "cpu":
                raise _make_open_error(self._file, " ".join(str(exc).split())) from exc
            return self._fall_back(exc)
        if read_device(session) != self.device:
            self._warn("it cannot be initialized")
            self.device = "cpu"
        return session

    def _fall_back(self, exc: Exception) -> Any:
        """Open the file on the CPU, and return the session."""
        self._warn(" ".join(str(exc).split())[:300])
        self.device = "cpu"
        self._session = self._open()
        return self._session

    def _warn(self, reason: str) -> None:
        text = "%s: the device %s failed, continuing on the CPU: %s"
        _log.warning(text, self._file.name, self.device, reason)

    def forget(self) -> None:
        """Begin with the initial states again."""
        self._states = self._initial

    def close(self) -> None:
        """Release the model."""
        self._session = None


def _find_input(file: Path, names: list[str], extra: list[str], said: str) -> str:
    """Return the name of the frame's input.

    Args:
        file: for messages.
        names: all inputs of the file.
        extra: the states and constants among them.
        said: what the card calls it; "" for the only one that is left.

    Raises:
        ModelFormatError: the file lacks one, or several are left.
    """
    for name in (*extra, *([said] if said else ())):
        if name not in names:
            raise _make_name_error(file, "input", name, names)
    left = [name for name in names if name not in extra]
    if len(left) != 1 or said not in ("", left[0]):
        raise ModelFormatError(
            f"{file.name} has {len(left)} inputs ({', '.join(left)}), must be 1",
            hint="name the others in its card, as recurrent or constants (models/README.md)",
        )
    return left[0]


def _make_name_error(file: Path, what: str, name: str, known: list[str]) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name} has no {what} {name!r}, which its card names",
        hint=suggest(name, tuple(known)),
    )


def _fill(info: TensorInfo, value: float) -> NDArray[Any]:
    """Return a tensor of one value; sides that the file leaves open are 1."""
    return np.full([max(1, side) for side in info.shape], value, info.dtype)


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
