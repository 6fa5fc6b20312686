"""Inputs that were fetched from afar, kept on a machine while its workers need them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from rimlight.batch import storage
from rimlight.core.errors import SinkError
from rimlight.system.atomic_io import create_partial_file, make_folder
from rimlight.system.locks import LockResult, try_lock, wait_for_lock

MAX_CACHE_BYTES = 20 << 30
"""What is not in use goes, the oldest first, while all of it takes more."""


def folder() -> Path:
    """Return where they are: a folder of this user's on the machine's disk."""
    return Path(tempfile.gettempdir()) / f"rimlight-inputs-{os.getuid()}"


@contextmanager
def cached_input(place: str, where: Path, *, limit: int = MAX_CACHE_BYTES) -> Iterator[Path]:
    """Yield the path of a copy of `place`, which stays as long as the block lasts.

    All workers of a machine share one copy; the first one fetches it while the others wait.

    Args:
        place: an address.
        where: the folder of copies; made if need be.
        limit: bytes that copies which nobody uses may take.

    Raises:
        SourceOpenError: it cannot be fetched.
        SinkError: the folder of copies is somebody else's.
    """
    _make_own(where)
    facts = json.dumps([place, *storage.facts(place)])
    name = hashlib.sha256(facts.encode()).hexdigest()[:24]
    path = where / f"{name}{PurePosixPath(place).suffix}"
    with _open(where / f"{name}.lock") as lock:
        wait_for_lock(lock)
        if not path.exists():
            part = create_partial_file(path)
            try:
                storage.fetch(place, part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        os.utime(path)
        wait_for_lock(lock, shared=True)
        _clear(where, limit)
        yield path


@contextmanager
def _open(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make_own(where: Path) -> None:
    """Make the folder of copies, which nobody else may write to.

    Raises:
        SinkError: somebody else made it, or may write to it.
    """
    make_folder(where.parent)
    with suppress(FileExistsError):
        where.mkdir(mode=0o700)
    status = where.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022
    if not is_private or status.st_uid != os.getuid():
        raise SinkError(
            f"{where} is not a folder of your own, in which copies of the inputs are safe",
            hint="remove it, or set TMPDIR to a folder of yours",
        )


def _is_copy(path: Path) -> bool:
    return path.suffix != ".lock" and not path.name.startswith(".")


def _clear(where: Path, limit: int) -> None:
    """Remove copies that nobody uses until the rest fits."""
    copies = [path for path in where.iterdir() if _is_copy(path)]
    sizes = {path: path.stat() for path in copies if path.exists()}
    total = sum(status.st_size for status in sizes.values())
    for path, status in sorted(sizes.items(), key=lambda item: item[1].st_mtime):
        if total <= limit:
            return
        with _open(path.with_suffix(".lock")) as lock:
            if try_lock(lock) is not LockResult.ACQUIRED:  # a worker reads it, or nobody can know
                continue
            path.unlink(missing_ok=True)
        total -= status.st_size
