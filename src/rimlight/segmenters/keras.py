"""Models in .keras files, run by Keras 3 on TensorFlow. Slow to start; never on the live path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.model_segmenter import ModelSegmenter
from rimlight.segmenters.runtime import Device, ModelOptions, TensorInfo
from rimlight.system.stderr import filter_stderr

_STARTUP_MESSAGES = (
    b"WARNING: All log messages before absl",
    b"I0000 ",
    b"To enable the following",
)
with filter_stderr(*_STARTUP_MESSAGES):
    import keras
    import tensorflow as tf


class KerasSegmenter(ModelSegmenter):
    """Segments with a .keras model.

    Args:
        card: how to feed the file and read its output.
        file: the .keras file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ModelOptions):
        """Runtime options of .keras models."""

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        runtime = KerasRuntime(file, device=options.device)
        super().__init__(card, file, runtime, parts=options.parts, device=options.device)


class KerasRuntime:
    """An open .keras file. Code inside the file is not run (Keras's safe mode).

    Args:
        file: the model.
        device: "cpu", or else a GPU if TensorFlow finds one.
    """

    def __init__(self, file: Path, *, device: Device = "auto") -> None:
        has_gpu = device != "cpu" and bool(tf.config.list_logical_devices("GPU"))
        self.device: Device = "cuda" if has_gpu else "cpu"
        """The device in use."""
        self._model = open_keras(file)
        inputs = [_describe_tensor(tensor) for tensor in self._model.inputs]
        if len(inputs) != 1:
            raise ModelFormatError(f"{file.name} has {len(inputs)} inputs, must be 1")
        self.input = inputs[0]
        self.outputs = tuple(_describe_tensor(tensor) for tensor in self._model.outputs)

    @property
    def input_buffer(self) -> None:
        """None: Keras does not expose it."""
        return None

    def run(self, tensor: NDArray[Any], output: int) -> NDArray[Any]:
        """Return output number `output`, counted in the order of the model's `outputs`."""
        with tf.device("/GPU:0" if self.device == "cuda" else "/CPU:0"):
            results = keras.tree.flatten(self._model.predict_on_batch(tensor))
        return np.asarray(results[output])

    def close(self) -> None:
        """Release the model."""
        self._model = None


def open_keras(file: Path) -> Any:
    """Return the `keras.Model` of a file, uncompiled. Code inside it is not run (the safe mode).

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: Keras does not open it.
    """
    if not file.is_file():
        raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
    try:
        model = keras.saving.load_model(file, compile=False)
        keras.tree.flatten([model.inputs, model.outputs])
    # Keras raises whatever its layers raise: ValueError, TypeError, KeyError, zip and HDF5 errors.
    except Exception as exc:
        raise ModelFormatError(
            f"{file} is not a model that Keras can open: {' '.join(str(exc).split())[:300]}",
            hint="name a .keras file, as `rimlight train` or model.save('name.keras') write it",
        ) from exc
    return model


def _describe_tensor(tensor: Any) -> TensorInfo:
    """Describe a Keras tensor; the open batch size becomes 1."""
    sides = tuple(-1 if side is None else int(side) for side in tensor.shape)
    return TensorInfo((1, *sides[1:]), str(tensor.dtype))
