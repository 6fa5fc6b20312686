"""What a worker keeps from one task to the next: fetched inputs and the open model."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rimlight.batch import storage
from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import SinkError
from rimlight.factory.segmenter import is_stateful, is_wide, open_segmenter
from rimlight.system.atomic_io import create_partial_file, make_folder
from rimlight.system.locks import LockResult, try_lock, wait_for_lock

if TYPE_CHECKING:
    from rimlight.core.frame import Frame, Mask
    from rimlight.core.protocols import Segmenter

MAX_CACHE_BYTES = 20 << 30
"""What is not in use goes, the oldest first, while all of it takes more."""


def get_input_cache_folder() -> Path:
    """Return where they are: a folder of this user's on the machine's disk."""
    return Path(tempfile.gettempdir()) / f"rimlight-inputs-{os.getuid()}"


@contextmanager
def open_cached_input(
    location: str, where: Path, *, limit: int = MAX_CACHE_BYTES
) -> Iterator[Path]:
    """Yield the path of a copy of `location`, which stays as long as the block lasts.

    All workers of a machine share one copy; the first one fetches it while the others wait.

    Args:
        location: an address.
        where: the folder of copies; made if need be.
        limit: bytes that copies which nobody uses may take.

    Raises:
        SourceOpenError: it cannot be fetched.
        SinkError: the folder of copies is somebody else's.
    """
    _make_own(where)
    facts = json.dumps([location, *storage.read_facts(location)])
    name = hashlib.sha256(facts.encode()).hexdigest()[:24]
    path = where / f"{name}{PurePosixPath(location).suffix}"
    with _open_lock(where / f"{name}.lock") as lock:
        wait_for_lock(lock)
        if not path.exists():
            part = create_partial_file(path)
            try:
                storage.fetch(location, part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        os.utime(path)
        wait_for_lock(lock, shared=True)
        _evict(where, limit)
        yield path


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
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


def _evict(where: Path, limit: int) -> None:
    """Remove copies that nobody uses until the rest fits."""
    copies = [path for path in where.iterdir() if _is_copy(path)]
    sizes = {path: path.stat() for path in copies if path.exists()}
    total = sum(status.st_size for status in sizes.values())
    for path, status in sorted(sizes.items(), key=lambda item: item[1].st_mtime):
        if total <= limit:
            return
        with _open_lock(path.with_suffix(".lock")) as lock:
            if try_lock(lock) is not LockResult.ACQUIRED:  # a worker reads it, or nobody can know
                continue
            path.unlink(missing_ok=True)
        total -= status.st_size


class ModelCache:
    """Opens each model once and lends it out; the last one that was wanted stays.

    One run at a time may use it.
    """

    def __init__(self) -> None:
        self._name = ""
        self._model: Segmenter | None = None

    def open(self, part: SegmenterConfig, size: tuple[int, int]) -> Segmenter:
        """Return the segmenter that `part` describes, for pictures of (width, height).

        Raises:
            ModelError: it is not here, or not what its card says.
        """
        if is_stateful(part):
            return open_segmenter(part, size)
        name = json.dumps([part.model_dump(mode="json"), is_wide(size)], sort_keys=True)
        if self._model is None or name != self._name:
            self.close()
            self._model, self._name = open_segmenter(part, size), name
        return _Lent(self._model)

    def close(self) -> None:
        """Release the model."""
        if self._model is not None:
            self._model.close()
            self._model = None


class _Lent:
    """A segmenter that outlives its run."""

    def __init__(self, model: Segmenter) -> None:
        self._model = model

    def segment(self, frame: Frame) -> Mask:
        return self._model.segment(frame)

    def close(self) -> None:
        """Leave it open: it is only lent."""
