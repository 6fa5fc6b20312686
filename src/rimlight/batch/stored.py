"""Results on their way to an address, where nothing is replaced but what their own run stored."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rimlight.batch import storage
from rimlight.batch.chunks import Staging
from rimlight.core.errors import SinkError
from rimlight.system.fingerprints import compute_sha256

_LIST = "stored.json"

_Listed = dict[str, list[list[Any]]]
"""Name below the result's address -> size and SHA-256 of each file that a try meant to store there.

The address itself may hold a password, and others may read the list.
"""


def deliver(made: Path, place: str, staging: Staging, *, overwrite: bool) -> None:
    """Store a result, a file or a folder of files, at an address.

    Before the first file is stored, a list of all is kept in `staging`: then another try of the
    same run, after a node died, knows whose files lie there. It leaves them as they are.

    Args:
        made: the result on this machine.
        place: the address that it gets.
        staging: of this run.
        overwrite: replace files that others stored.

    Raises:
        SinkError: a file of somebody else lies there, or it cannot be stored.
    """
    files = _files_of(made)
    if not overwrite:
        known = _known(staging)
        files = {
            name: path
            for name, path in files.items()
            if not _is_there(_place_of(name, place), known.get(name, []))
        }
        _keep(staging, known, files)
    for name, path in files.items():
        storage.store(path, _place_of(name, place))


def _files_of(made: Path) -> dict[str, Path]:
    """Return the files of a result by their names below it; a single one has the name ""."""
    if not made.is_dir():
        return {"": made}
    found = (path for path in sorted(made.rglob("*")) if path.is_file())
    return {path.relative_to(made).as_posix(): path for path in found}


def _place_of(name: str, place: str) -> str:
    return storage.below(place, name) if name else place


def _is_there(place: str, listed: list[list[Any]]) -> bool:
    """Return True if a file that is `listed` lies at `place`, False if none at all does.

    Raises:
        SinkError: another file lies there.
    """
    size = storage.size_now(place)
    if size is None:
        return False
    if any(size == known for known, _ in listed) and [size, _digest_at(place)] in listed:
        return True
    raise SinkError(f"{place} exists", hint="move it, or set overwrite=true, and repeat")


def _digest_at(place: str) -> str:
    with TemporaryDirectory(prefix="rimlight-") as folder:
        copy = Path(folder, "copy")
        storage.fetch(place, copy)
        return compute_sha256(copy)


def _known(staging: Staging) -> _Listed:
    """Return the list of this very run; one that somebody else wrote gives no rights."""
    content = storage.read(storage.below(staging.place, _LIST))
    try:
        data: Any = json.loads(content or b"{}")
        listed: _Listed = data["stored"]
        return listed if hmac.compare_digest(data["seal"], _seal(staging, listed)) else {}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _keep(staging: Staging, known: _Listed, files: dict[str, Path]) -> None:
    """Write down, before it happens, that `files` are stored."""
    facts = {name: [path.stat().st_size, compute_sha256(path)] for name, path in files.items()}
    listed = {**known, **{name: [*known.get(name, []), facts[name]] for name in facts}}
    sealed = {"stored": listed, "seal": _seal(staging, listed)}
    storage.write(storage.below(staging.place, _LIST), json.dumps(sealed).encode())


def _seal(staging: Staging, listed: _Listed) -> str:
    said = json.dumps(["stored", staging.place, listed], sort_keys=True)
    return hmac.new(staging.key, said.encode(), hashlib.sha256).hexdigest()
