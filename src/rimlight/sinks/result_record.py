"""Records of the files that a run makes, so that the same run may replace them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from rimlight.core.errors import SinkError
from rimlight.system.locks import O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, LockResult, try_lock

FileStamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | O_NOFOLLOW | O_CLOEXEC
_MODE = os.O_RDWR | os.O_CREAT | os.O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK


class ResultRecord:
    """The hidden file `.rimlight-ID` in a folder of results, a line for each of them.

    It is there while the run is unfinished. A file that it lists, and that nobody has changed
    since, is the run's own. Only one run of a source at a time writes into a folder.

    Args:
        folder: of the results; may be missing.
        source: names the input: another input has another record.

    Raises:
        SinkError: another process works on the same results, or the record cannot be read.
    """

    def __init__(self, folder: Path, source: str) -> None:
        if "://" not in source:
            source = os.path.abspath(source)
        name = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()[:16]
        self._folder = folder
        self._source = source
        self._path = folder / f".rimlight-{name}"
        self._descriptor: int | None = None
        self._adding = threading.Lock()
        self._inputs: dict[str, str] = {}
        self._known: set[tuple[str, FileStamp]] = set()
        if os.path.lexists(self._path):
            self._open()
            self._load()

    @property
    def names(self) -> dict[str, str]:
        """File -> name of its input, of the files that are there and unchanged."""
        return {file: name for file, name in self._inputs.items() if self.is_own(file)}

    def is_own(self, file: str) -> bool:
        """Return True if the run made `file`, a path below the folder, and nobody changed it."""
        with suppress(OSError):
            return (
                file in self._inputs and (file, read_file_stamp(self._folder / file)) in self._known
            )
        return False

    def add(self, file: str, name: str, made: FileStamp) -> None:
        """Write down, before it has its name, that `file` is made of the input `name`.

        Raises:
            OSError: the record cannot be written.
            SinkError: another process works on the same results.
        """
        with self._adding:
            if self._descriptor is None:
                self._open()
            assert self._descriptor is not None
            self._keep(file, name, made)
            line = json.dumps({"file": file, "name": name, "facts": made}) + "\n"
            os.write(self._descriptor, line.encode())

    def close(self, *, keep: bool) -> None:
        """Let go of the record, and remove it unless `keep`."""
        if self._descriptor is None:
            return
        if not keep:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def _keep(self, file: str, name: str, made: FileStamp) -> None:
        # What is there may be of a try before the last: that one may have died before its move.
        self._inputs[file] = name
        self._known.add((file, made))

    def _open(self) -> None:
        try:
            descriptor = os.open(self._path, _MODE, 0o666)
        except OSError as exc:
            raise SinkError(
                f"cannot write {self._path}: {exc.strerror}", hint="choose another folder"
            ) from exc
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SinkError(f"{self._path} is no file", hint="choose another folder")
        if try_lock(descriptor) is LockResult.BUSY:
            os.close(descriptor)
            raise SinkError(
                f"another run is writing {self._source} to {self._folder}",
                hint="wait for it, or choose another folder",
            )
        self._descriptor = descriptor

    def _load(self) -> None:
        assert self._descriptor is not None
        with open(self._descriptor, "rb", closefd=False) as file:
            for line in file:
                known = _parse_line(line)
                if known is not None:
                    self._keep(*known)


def record_result(record: Path | None, target: Path, part: Path) -> None:
    """Write down that `target` is made, before the finished `part` gets that name.

    Several processes may write to one record. Where it has no room, the next run asks before it
    replaces the file. Without a record nothing is done.
    """
    if record is None:
        return
    with suppress(OSError):
        line = json.dumps([_make_relative(record, target), read_file_stamp(part)]) + "\n"
        descriptor = os.open(record, _APPEND, 0o666)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


class RecordedResults:
    """The files that `record_result` wrote down in a record; none where it cannot be read.

    One target may have several lines: of each try that got so far, the last ones perhaps without
    giving the name.

    Args:
        record: may be missing.
    """

    def __init__(self, record: Path) -> None:
        self._record = record

    def has(self, target: Path) -> bool:
        """Return True if a run made the file `target`, and nobody changed it since."""
        with suppress(OSError):
            return (_make_relative(self._record, target), read_file_stamp(target)) in self._known
        return False

    @cached_property
    def _known(self) -> frozenset[tuple[str, FileStamp]]:
        # Read only where a target is there: the record of a large batch has a line for each result.
        return frozenset(_read_lines(self._record))


def can_replace(target: Path, record: Path | None, *, overwrite: bool) -> bool:
    """Return True if a file that is found at `target` may be replaced.

    Args:
        target: where a result is to be.
        record: as for `record_result`; what is listed there may be.
        overwrite: any file may be.
    """
    return overwrite or (record is not None and RecordedResults(record).has(target))


def read_file_stamp(path: Path) -> FileStamp:
    """Return what tells whether a file has changed.

    Raises:
        OSError: there is none, or it is a link.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(path)
    return status.st_size, status.st_mtime_ns


def _parse_line(line: bytes) -> tuple[str, str, FileStamp] | None:
    """Return (file, name, facts), None for a line that was cut off or is not ours."""
    try:
        data: Any = json.loads(line)
        size, changed = data["facts"]
        return str(data["file"]), str(data["name"]), (int(size), int(changed))
    except (ValueError, TypeError, KeyError):
        return None


def _make_relative(record: Path, target: Path) -> str:
    """Return the name of `target` in a record: it holds where the folder has moved, too."""
    return os.path.relpath(os.path.abspath(target), os.path.abspath(record.parent))


def _read_lines(record: Path) -> Iterator[tuple[str, FileStamp]]:
    lines: list[bytes] = []
    with suppress(OSError):
        lines = record.read_bytes().splitlines() if record.is_file() else []
    for line in lines:
        with suppress(ValueError, TypeError):  # what cannot be read gives no rights
            name, (size, changed) = json.loads(line)
            yield str(name), (int(size), int(changed))
