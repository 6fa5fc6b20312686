"""Opens .keras files, to train or to convert what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from rimlight.errors import ModelFormatError, ModelNotFoundError


def open_keras(file: Path) -> Any:
    """Return the `keras.Model` of a file. Code inside the file is not run (Keras's safe mode).

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: Keras does not open it.
    """
    if not file.is_file():
        raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
    try:
        return keras.saving.load_model(file, compile=False)
    # Keras raises whatever its layers raise: ValueError, TypeError, KeyError, zip and HDF5 errors.
    except Exception as exc:
        raise ModelFormatError(
            f"{file} is not a model that Keras can open: {' '.join(str(exc).split())[:300]}",
            hint="name the .keras file of a training; a .tflite file cannot be trained",
        ) from exc
