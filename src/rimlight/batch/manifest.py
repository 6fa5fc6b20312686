"""What became of each task, a line of JSON each, so that a batch can be gone on with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from rimlight.batch import storage
from rimlight.batch.plan import Task, pictures_in
from rimlight.core.errors import RimlightError, SinkError
from rimlight.sinks.video.segment_index import is_partial_result
from rimlight.system.fingerprints import compute_fingerprint
from rimlight.system.locks import flush_to_disk

MANIFEST = "manifest.jsonl"
_FEWEST_FACTS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """The end of one task.

    Attributes:
        source: the task's source, as a text.
        target: its result.
        state: "failed" may still have left a part of the result.
        identity: `Task.identity` when it was planned.
        settings: names how it was processed.
        frames: of the result.
        elapsed_s: how long the run that ended it took; what was before a break is not in it.
        error: why it failed.
        hint: what to do about it.
        thumbnail: a small picture of the result, relative to the manifest.
        again: it failed for want of room or of rights: the next run tries it without being asked.
        results: name, size, time of change and content of each file that was made, relative to
            the folder of `target`.
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
    results: tuple[tuple[Any, ...], ...] = ()


class Manifest:
    """The file `manifest.jsonl` in the output folder; later lines replace earlier ones.

    Raises:
        SinkError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self.entries: dict[str, Entry] = {}
        self._made: dict[str, Entry] = {}
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as exc:
            raise SinkError(f"cannot use {folder}: {exc.strerror}", hint="choose another") from exc
        for line in content.split(b"\n"):
            entry = _parsed(line)
            if entry is not None:
                self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self.entries[entry.source] = entry
        if entry.results:
            self._made[entry.target] = entry

    def add(self, entry: Entry) -> None:
        """Write one line, and wait until it is on the disk.

        Raises:
            SinkError: it cannot be written.
        """
        self._keep(entry)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.write(b"\n" * _is_cut_off(file) + _line(entry))
                file.flush()
                flush_to_disk(file.fileno())
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
        if entry.state == "done" and not is_as_made(entry):
            return "new"
        return entry.state

    def has_made(self, task: Task) -> bool:
        """Return True if an earlier run made the result of `task`; it may have changed since."""
        entry = self.entries.get(task.shown)
        is_done = entry is not None and (entry.state, entry.target) == ("done", task.target)
        return is_done or task.target in self._made

    def may_replace(self, target: str) -> bool:
        """Return True if what is at `target` is a result of this folder's runs, and unchanged.

        Also replaceable are a result that was emptied, the part that a stopped run left, and
        nothing at all.
        """
        if storage.is_url(target) or not os.path.lexists(target):
            return True
        path = Path(target)
        entry = self._made.get(target)
        is_known = any(one.target == target for one in self.entries.values())
        if is_known and path.is_file() and not path.is_symlink() and not path.stat().st_size:
            return True
        return is_partial_result(path) or (entry is not None and is_as_made(entry))

    def changed_results(self, task: Task) -> list[str]:
        """Return the places of results of `task` that somebody changed since they were made."""
        entry = self.entries.get(task.shown)
        if entry is None or entry.target != task.target or is_partial_result(Path(task.target)):
            return []
        places = [(one, _place(one, entry.target)) for one in entry.results]
        return [p for one, p in places if _holds_something(p) and not _is_same(one, entry.target)]


def results_of(task: Task) -> tuple[tuple[Any, ...], ...]:
    """Return what tells the files that `task` has made from others, for `Entry.results`."""
    names = [task.target]
    try:
        if task.kind == "folder":
            stems = {PurePosixPath(place).stem for place in pictures_in(task.source)}
            made = pictures_in(task.target) if storage.is_folder(task.target) else []
            names = [place for place in made if _is_of(PurePosixPath(place).name, stems)]
        return tuple(_facts(place, task.target) for place in names if storage.exists(place))
    except (OSError, RimlightError):  # the next run looks again
        return ()


def _is_of(name: str, stems: set[str]) -> bool:
    """Return True if a result of that name is of one of the pictures: a.jpg.png is of a.jpg."""
    stem, last = PurePosixPath(name).stem, ""
    while stem != last:
        if stem in stems:
            return True
        stem, last = PurePosixPath(stem).stem, stem
    return False


def _facts(place: str, target: str) -> tuple[Any, ...]:
    name, *facts = storage.facts(place)
    below = name if place != target else ""
    content = [] if storage.is_url(place) else compute_fingerprint(Path(place))[1:]
    return (below, *facts, *content)


def is_as_made(entry: Entry) -> bool:
    """Return True if all results of an entry are there as they were made.

    An entry of an older rimlight has no record of them; then one that is not empty will do.
    """
    try:
        if entry.results:
            return all(_is_same(tuple(one), entry.target) for one in entry.results)
        return storage.is_folder(entry.target) or bool(storage.facts(entry.target)[1])
    except (OSError, RimlightError):
        return False


def _place(one: tuple[Any, ...], target: str) -> str:
    return storage.below(target, one[0]) if one[0] else target


def _holds_something(place: str) -> bool:
    try:
        return bool(storage.facts(place)[1])
    except (OSError, RimlightError):
        return False


def _is_same(one: tuple[Any, ...], target: str) -> bool:
    """Return True if a file has the size, and the time of change or the content, of a record."""
    _, size, mark, *content = one
    place = _place(one, target)
    _, now, now_mark = storage.facts(place)
    if now != size:
        return False
    return now_mark == mark or (bool(content) and compute_fingerprint(Path(place))[1:] == content)


def _is_cut_off(file: BinaryIO) -> bool:
    """Say whether the last line of a file lacks its end, as after a crash or on a full disk."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    return file.read() not in {b"", b"\n"}


def _line(entry: Entry) -> bytes:
    data = asdict(entry)
    try:
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a name that is no text
        return json.dumps(data).encode() + b"\n"


def _parsed(line: bytes) -> Entry | None:
    """Return the entry of one line, None for one that is cut off or not rimlight's."""
    try:
        data: Any = json.loads(line)
        results = tuple(map(tuple, data.pop("results", ())))
        entry = Entry(**data, results=results)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return entry if _is_sound(entry) else None


def _is_sound(entry: Entry) -> bool:
    """Return True if every field has its type."""
    texts = (entry.source, entry.target, entry.identity, entry.settings, entry.error, entry.hint)
    return (
        all(isinstance(text, str) for text in (*texts, entry.thumbnail))
        and entry.state in ("done", "failed")
        and type(entry.frames) is int
        and isinstance(entry.elapsed_s, (int, float))
        and all(len(one) >= _FEWEST_FACTS and isinstance(one[0], str) for one in entry.results)
        and not any(is_outside(one[0]) for one in entry.results)
    )


def is_outside(name: str) -> bool:
    """Return True if a name below a folder would lead out of it."""
    return name.startswith("/") or ".." in PurePosixPath(name).parts
