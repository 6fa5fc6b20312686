"""What is already written of a video, kept beside it until the video is whole."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rimlight.errors import SinkError

_VERSION = 1
_STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Segment:
    """One whole piece of the video; times are in ticks of the written time base.

    Attributes:
        name: its file in the journal's folder.
        begin: when its first picture is shown.
        last: when its last picture is shown.
        end: when that is no longer shown.
        frames: how many pictures it holds.
        early: decoding times before `begin`, one for each picture that the encoder reorders by.
    """

    name: str
    begin: int
    last: int
    end: int
    frames: int
    early: tuple[int, ...] = ()


class Journal:
    """The folder `.NAME.rimlight` beside a result, with segments and a list of the whole ones.

    The list is replaced in one step after each segment, so a crash at any moment leaves the list
    of before or of after, and a segment that is on it is on the disk.

    Args:
        result: the video that is being made.
        run: names the run; segments of another run are thrown away.

    Raises:
        SinkError: another process works on the same result, or the folder cannot be made.
    """

    def __init__(self, result: Path, run: str) -> None:
        self.folder = result.with_name(f".{result.name}.rimlight")
        self._run = run
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise SinkError(
                f"cannot write {self.folder}: {exc.strerror}", hint="choose another folder"
            ) from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise SinkError(
                f"another run is writing {result}", hint="wait for it, or choose another name"
            ) from exc
        self._open = True
        self.segments: list[Segment] = []
        self.complete = False
        """All of the video is in the segments."""
        self.partial = False
        """The result is there, but the run was stopped before its end."""
        self._load()

    def add(self, segment: Segment) -> None:
        """Put a segment, whose file is complete, on the list.

        Raises:
            OSError: the list cannot be written; it is as before then.
        """
        _sync(self.folder / segment.name)
        self.segments.append(segment)
        try:
            self.save()
        except OSError:
            self.segments.pop()
            raise

    def save(self) -> None:
        """Write down the list, `complete` and `partial`.

        Raises:
            OSError: the disk is full; the list is as before then.
        """
        state = {
            "version": _VERSION,
            "run": self._run,
            "segments": [asdict(segment) for segment in self.segments],
            "complete": self.complete,
            "partial": self.partial,
        }
        part = self.folder / f"{_STATE}.part"
        part.write_text(json.dumps(state), encoding="utf-8")
        _sync(part)
        part.replace(self.folder / _STATE)
        _sync(self.folder)

    def close(self) -> None:
        """Leave the folder for a later run; one without a whole segment goes."""
        if not self._open:
            return
        if not self.segments:
            self.remove()
            return
        self._open = False
        os.close(self._lock)

    def remove(self) -> None:
        """Remove the folder: the result is whole, or nothing of it is worth keeping."""
        if self._open:
            self._open = False
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)

    def _load(self) -> None:
        """Take over what an earlier run of the same name left; clear away all else."""
        state = _read(self.folder / _STATE)
        if state.get("version") == _VERSION and state.get("run") == self._run:
            found = [Segment(**{**s, "early": tuple(s["early"])}) for s in state["segments"]]
            if all((self.folder / segment.name).is_file() for segment in found):
                self.segments = found
                self.complete, self.partial = state["complete"], state["partial"]
        keep = {"lock", _STATE, *(segment.name for segment in self.segments)}
        for file in self.folder.iterdir():
            if file.name not in keep:
                file.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
