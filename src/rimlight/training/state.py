"""All that a training run must know to go on where it was ended, in one file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError, ModelError

_FACTS = "facts"


def save_state(path: Path, groups: Mapping[str, Sequence[Any]], facts: Mapping[str, Any]) -> None:
    """Write variables and facts; at any moment `path` holds a whole state or none.

    Args:
        path: the file.
        groups: Keras variables by group, each in an order that is always the same.
        facts: whatever JSON can hold.

    Raises:
        ModelError: the file cannot be written.
    """
    arrays = {
        f"{group}/{index}": np.asarray(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for flags
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        raise ModelError(f"cannot write {path}: {exc.strerror}", hint="make room") from exc


def load_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a state.

    Raises:
        ConfigError: it is no state.
    """
    with _opened(path) as file:
        facts: dict[str, Any] = json.loads(file[_FACTS].tobytes())
        return facts


def load_state(path: Path, groups: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Put a state into the variables it was taken from; return its facts.

    Raises:
        ConfigError: it is no state, or one of other variables.
    """
    with _opened(path) as file:
        for group, variables in groups.items():
            for index, variable in enumerate(variables):
                variable.assign(_fitting(file, f"{group}/{index}", variable, path))
    return load_facts(path)


def differences(kept: Mapping[str, Any], wanted: Mapping[str, Any], *, at: str = "") -> list[str]:
    """Return the keys, such as "data.validation", whose values in `wanted` are not those kept.

    Keys that were not kept are no difference: they are options of a later release.
    """
    found = []
    for key, value in kept.items():
        other = wanted.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found += differences(value, other, at=f"{at}{key}.")
        elif value != other:
            found.append(f"{at}{key}")
    return found


def _opened(path: Path) -> Any:
    try:
        file = np.load(path)
        if _FACTS in file:
            return file
    except (OSError, ValueError, zipfile.BadZipFile) as exc:
        raise _foreign(path) from exc
    raise _foreign(path)


def _fitting(file: Any, key: str, variable: Any, path: Path) -> NDArray[Any]:
    array: NDArray[Any] | None = file.get(key)
    if array is None or array.shape != tuple(variable.shape):
        raise _foreign(path)
    return array


def _foreign(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not the state of this training", hint="write into another folder"
    )
