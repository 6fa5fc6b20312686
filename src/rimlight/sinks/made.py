"""A record of the files that a run makes in a folder, so that the same run may replace them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from rimlight.core.errors import SinkError

Facts = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Made:
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
        self._known: dict[str, tuple[str, Facts]] = {}
        if os.path.lexists(self._path):
            self._open()
            self._load()

    @property
    def names(self) -> dict[str, str]:
        """File -> name of its input, of the files that are there and unchanged."""
        return {file: name for file, (name, _) in self._known.items() if self.is_ours(file)}

    def is_ours(self, file: str) -> bool:
        """Return True if the run made `file`, a path below the folder, and nobody changed it."""
        known = self._known.get(file)
        with suppress(OSError):
            return known is not None and known[1] == facts(self._folder / file)
        return False

    def add(self, file: str, name: str, made: Facts) -> None:
        """Write down, before it has its name, that `file` is made of the input `name`.

        Raises:
            OSError: the record cannot be written.
            SinkError: another process works on the same results.
        """
        with self._adding:
            if self._descriptor is None:
                self._open()
            assert self._descriptor is not None
            self._known[file] = (name, made)
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
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(descriptor)
            raise SinkError(
                f"another run is writing {self._source} to {self._folder}",
                hint="wait for it, or choose another folder",
            ) from exc
        except OSError:  # a share without locks
            pass
        self._descriptor = descriptor

    def _load(self) -> None:
        assert self._descriptor is not None
        with open(self._descriptor, "rb", closefd=False) as file:
            for line in file:
                known = _parsed(line)
                if known is not None:
                    self._known[known[0]] = known[1:]


def note(record: Path | None, target: Path, part: Path) -> None:
    """Write down that `target` is made, before the finished `part` gets that name.

    Several processes may write to one record. Where it has no room, the next run asks before it
    replaces the file. Without a record nothing is done.
    """
    if record is None:
        return
    with suppress(OSError):
        line = json.dumps([str(target), facts(part)]) + "\n"
        descriptor = os.open(record, _APPEND, 0o666)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def facts(path: Path) -> Facts:
    """Return what tells whether a file has changed.

    Raises:
        OSError: there is none, or it is a link.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(path)
    return status.st_size, status.st_mtime_ns


def _parsed(line: bytes) -> tuple[str, str, Facts] | None:
    """Return (file, name, facts), None for a line that was cut off or is not ours."""
    try:
        data: Any = json.loads(line)
        size, changed = data["facts"]
        return str(data["file"]), str(data["name"]), (int(size), int(changed))
    except (ValueError, TypeError, KeyError):
        return None
