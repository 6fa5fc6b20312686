"""The state of a run in one file, from which training resumes exactly."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError, ModelError
from rimlight.system.atomic_io import atomic_write, make_folder
from rimlight.system.locks import LockResult, try_lock

_FACTS = "facts"


@contextmanager
def lock_folder(out: Path) -> Iterator[None]:
    """Keep other trainings out of a folder while the block lasts; create the folder.

    Where the disk knows no locks, nobody is kept out.

    Raises:
        ConfigError: another process trains into it.
        ModelError: it cannot be made.
    """
    make_folder(out, ModelError)
    descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if try_lock(descriptor) is LockResult.BUSY:
            raise ConfigError(
                f"another training is writing into {out}",
                hint="wait until it ends, or name another folder with -o",
            )
        yield
    finally:
        os.close(descriptor)


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
    with atomic_write(path, ModelError) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for flags
        file.flush()
        os.fsync(file.fileno())


def load_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a state.

    Raises:
        ConfigError: it is no state.
    """
    with _open(path) as file:
        facts: dict[str, Any] = json.loads(file[_FACTS].tobytes())
        return facts


def load_state(path: Path, groups: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Put a state into the variables it was taken from; return its facts.

    Raises:
        ConfigError: it is no state, or one of other variables.
    """
    with _open(path) as file:
        for group, variables in groups.items():
            for index, variable in enumerate(variables):
                variable.assign(_read_array(file, f"{group}/{index}", variable, path))
    return load_facts(path)


def refuse_another(path: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a state, where there is one, that is of another training than `identity` says.

    Raises:
        ConfigError: it is, or it is no state.
    """
    if not path.exists():
        return
    kept = load_facts(path)["identity"]
    if changed := find_differences(kept, json.loads(json.dumps(identity))):
        raise ConfigError(
            f"{path.parent} holds a training with another {', '.join(changed)}",
            hint="write into another folder, remove this one, or say what it was begun with",
        )


def find_differences(
    kept: Mapping[str, Any], wanted: Mapping[str, Any], *, at: str = ""
) -> list[str]:
    """Return the keys, such as "data.validation", whose values in `wanted` are not those kept.

    Keys that only one of them has are no difference: they are options of another release.
    """
    found = []
    for key in kept.keys() & wanted.keys():
        value, other = kept[key], wanted[key]
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found += find_differences(value, other, at=f"{at}{key}.")
        elif value != other:
            found.append(f"{at}{key}")
    return sorted(found)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            yield file
    # KeyError: another file of arrays; TypeError: a single array.
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as exc:
        raise _make_foreign_error(path) from exc


def _read_array(file: Any, key: str, variable: Any, path: Path) -> NDArray[Any]:
    array: NDArray[Any] = file[key]
    if array.shape != tuple(variable.shape):
        raise _make_foreign_error(path)
    return array


def _make_foreign_error(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is damaged, or not the state of this training",
        hint="write into another folder, or remove the file to begin anew",
    )
