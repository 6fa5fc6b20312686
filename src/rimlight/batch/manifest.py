"""What became of each task, a line of JSON each, so that a batch can be gone on with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from rimlight.batch import storage
from rimlight.batch.plan import Task
from rimlight.errors import SinkError

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """The end of one task.

    Attributes:
        source: the task's source, as a text.
        target: its result.
        state: "failed" may still have left a part of the result.
        identity: `Task.identity` when it was planned.
        settings: names how it was processed.
        frames: how many the run that ended it wrote; those before a break were written earlier.
        elapsed_s: how long that took.
        error: why it failed.
        hint: what to do about it.
        thumbnail: a small picture of the result, relative to the manifest.
        again: it failed for want of room or of rights: the next run tries it without being asked.
    """

    source: str
    target: str
    state: Literal["done", "failed"]
    identity: str
    settings: str
    frames: int = 0
    elapsed_s: float = 0.0
    error: str = ""
    hint: str = ""
    thumbnail: str = ""
    again: bool = False


class Manifest:
    """The file `manifest.jsonl` in the output folder; later lines replace earlier ones.

    Raises:
        SinkError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self.entries: dict[str, Entry] = {}
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as exc:
            raise SinkError(f"cannot use {folder}: {exc.strerror}", hint="choose another") from exc
        for line in content.split(b"\n"):
            entry = _parsed(line)
            if entry is not None:
                self.entries[entry.source] = entry

    def add(self, entry: Entry) -> None:
        """Write one line, and wait until it is on the disk.

        Raises:
            SinkError: it cannot be written.
        """
        self.entries[entry.source] = entry
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.write(b"\n" * _is_cut_off(file) + _line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise SinkError(
                f"cannot write {self.path}: {exc.strerror}",
                hint="when there is room, and the right, the same command goes on from here",
            ) from exc

    def state(self, task: Task, identity: str, settings: str) -> Literal["new", "done", "failed"]:
        """Say what there is to do: a changed source, or other settings, make a task new again."""
        entry = self.entries.get(task.shown)
        if entry is None or (entry.identity, entry.settings) != (identity, settings):
            return "new"
        if entry.again:
            return "new"
        if entry.state == "done" and not storage.exists(task.target):
            return "new"
        return entry.state


def _is_cut_off(file: BinaryIO) -> bool:
    """Say whether the last line of a file lacks its end, as after a crash or on a full disk."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    return file.read() not in {b"", b"\n"}


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"


def _parsed(line: bytes) -> Entry | None:
    """Return the entry of one line, None for one that was cut off by a crash."""
    try:
        data: Any = json.loads(line)
        return Entry(**data)
    except (ValueError, TypeError):
        return None
