"""What became of each task, a line of JSON each, and what a later batch may replace.

So a batch can be resumed, and a result never replaces an input, nor a file that no run here made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from rimlight.batch import storage
from rimlight.batch.plan import Task, list_images, plan_result_names
from rimlight.core.errors import RimlightError, SinkError
from rimlight.sinks.output_paths import get_file_id, get_file_ids
from rimlight.sinks.result_record import RecordedResults, ResultRecord
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
        retryable: it failed for lack of space or permissions: the next run tries it again.
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
    retryable: bool = False
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
            entry = _parse_line(line)
            if entry is not None:
                self._register(entry)

    def _register(self, entry: Entry) -> None:
        self.entries[entry.source] = entry
        if entry.results:
            self._made[entry.target] = entry

    def add(self, entry: Entry) -> None:
        """Write one line, and wait until it is on the disk.

        Raises:
            SinkError: it cannot be written.
        """
        self._register(entry)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.write(b"\n" * _is_cut_off(file) + _format_line(entry))
                file.flush()
                flush_to_disk(file.fileno())
        except OSError as exc:
            raise SinkError(
                f"cannot write {self.path}: {exc.strerror}",
                hint="when there is room, and the right, the same command goes on from here",
            ) from exc

    def find_state(
        self, task: Task, identity: str, settings: str
    ) -> Literal["new", "done", "failed"]:
        """Say what there is to do: a changed source, or other settings, make a task new again."""
        entry = self.entries.get(task.shown)
        if entry is None or (entry.identity, entry.settings) != (identity, settings):
            return "new"
        if entry.retryable:
            return "new"
        if entry.state == "done" and not is_as_made(entry):
            return "new"
        return entry.state

    def has_made(self, task: Task) -> bool:
        """Return True if an earlier run made the result of `task`; it may have changed since."""
        entry = self.entries.get(task.shown)
        is_done = entry is not None and (entry.state, entry.target) == ("done", task.target)
        return is_done or task.target in self._made

    def is_replaceable(self, target: str) -> bool:
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

    def find_changed_results(self, task: Task) -> list[str]:
        """Return the locations of results of `task` that somebody changed since they were made."""
        entry = self.entries.get(task.shown)
        if entry is None or entry.target != task.target or is_partial_result(Path(task.target)):
            return []
        locations = [(one, _locate(one, entry.target)) for one in entry.results]
        return [p for one, p in locations if _has_content(p) and not _is_same(one, entry.target)]


def describe_results(task: Task) -> tuple[tuple[Any, ...], ...]:
    """Return what tells the files that `task` has made from others, for `Entry.results`."""
    names = [task.target]
    try:
        if task.kind == "folder":
            stems = {PurePosixPath(location).stem for location in list_images(task.source)}
            made = list_images(task.target) if storage.is_folder(task.target) else []
            names = [location for location in made if _is_of(PurePosixPath(location).name, stems)]
        return tuple(
            _describe_result(location, task.target)
            for location in names
            if storage.exists(location)
        )
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


def _describe_result(location: str, target: str) -> tuple[Any, ...]:
    name, *facts = storage.read_facts(location)
    below = name if location != target else ""
    content = [] if storage.is_url(location) else compute_fingerprint(Path(location))[1:]
    return (below, *facts, *content)


def is_as_made(entry: Entry) -> bool:
    """Return True if all results of an entry are there as they were made.

    An entry of an older rimlight has no record of them; then one that is not empty will do.
    """
    try:
        if entry.results:
            return all(_is_same(tuple(one), entry.target) for one in entry.results)
        return storage.is_folder(entry.target) or bool(storage.read_facts(entry.target)[1])
    except (OSError, RimlightError):
        return False


def _locate(one: tuple[Any, ...], target: str) -> str:
    return storage.join(target, one[0]) if one[0] else target


def _has_content(location: str) -> bool:
    try:
        return bool(storage.read_facts(location)[1])
    except (OSError, RimlightError):
        return False


def _is_same(one: tuple[Any, ...], target: str) -> bool:
    """Return True if a file has the size, and the time of change or the content, of a record."""
    _, size, mark, *content = one
    location = _locate(one, target)
    _, now, now_mark = storage.read_facts(location)
    if now != size:
        return False
    return now_mark == mark or (
        bool(content) and compute_fingerprint(Path(location))[1:] == content
    )


def _is_cut_off(file: BinaryIO) -> bool:
    """Say whether the last line of a file lacks its end, as after a crash or on a full disk."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    return file.read() not in {b"", b"\n"}


def _format_line(entry: Entry) -> bytes:
    data = asdict(entry)
    try:
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a name that is no text
        return json.dumps(data).encode() + b"\n"


def _parse_line(line: bytes) -> Entry | None:
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


FINISHED = ".rimlight-finished"


class FinishedResults:
    """Results that workers finished but the manifest may lack, as after a crash.

    Args:
        folder: of the record.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FINISHED
        self._noted = RecordedResults(self.path)

    def has(self, target: str) -> bool:
        """Return True if a worker made the file `target`, and nobody changed it since."""
        return self._noted.has(Path(target))

    def forget(self) -> None:
        """Remove the record: the manifest knows all."""
        self.path.unlink(missing_ok=True)
        self._noted = RecordedResults(self.path)


def check_outputs(
    tasks: Sequence[Task],
    todo: Sequence[Task],
    known: Manifest,
    finished: FinishedResults,
    *,
    still: str | None,
    overwrite: bool,
) -> None:
    """Refuse, before any work, results that would replace an input or a foreign file.

    Args:
        tasks: the whole plan.
        todo: what of it is to be done.
        known: results of earlier runs, which may be replaced.
        finished: results that these may not know.
        still: the suffix of pictures to make, None for that of each.
        overwrite: replace all but inputs.

    Raises:
        SinkError: a result would.
    """
    _check_inputs(tasks, todo, still)
    if overwrite:
        return
    changed = {location for task in todo for location in known.find_changed_results(task)}
    foreign = sorted(
        location
        for task in todo
        for location in _find_foreign(task, known, finished, still) - changed
    )
    if foreign:
        more = f", and {len(foreign) - 1} more" if foreign[1:] else ""
        raise SinkError(
            f"{foreign[0]}{more}: a result would lie there, and no earlier run made it",
            hint="choose another output folder, or set overwrite=true",
        )


def _check_inputs(tasks: Sequence[Task], todo: Sequence[Task], still: str | None) -> None:
    near = [task for task in tasks if not storage.is_url(task.source)]
    files = [Path(location) for task in near for location in _list_files(task)]
    inputs = get_file_ids(files)
    far = {task.source for task in tasks if storage.is_url(task.source)}
    for task in todo:
        for location in _list_outputs(task, still):
            known = (
                location in far
                if storage.is_url(location)
                else get_file_id(Path(location)) in inputs
            )
            if known:
                raise SinkError(
                    f"the result of {task.shown} would replace the input {location}",
                    hint="choose another output folder",
                )


def _list_files(task: Task) -> list[str]:
    return list_images(task.source) if task.kind == "folder" else [task.source]


def _list_outputs(task: Task, still: str | None) -> list[str]:
    """Return where the results of a task will lie."""
    if task.kind != "folder":
        return [task.target]
    names = [PurePosixPath(location).name for location in list_images(task.source)]
    return [storage.join(task.target, name) for name in plan_result_names(names, still)]


def _find_foreign(
    task: Task, known: Manifest, finished: FinishedResults, still: str | None
) -> set[str]:
    """Return the locations of results where something lies that no run here made."""
    if storage.is_url(task.target):
        ours = _has_tried(task, known)
        return set() if ours else {p for p in _list_outputs(task, still) if storage.exists(p)}
    if task.kind != "folder":
        ours = finished.has(task.target) or known.is_replaceable(task.target)
        return set() if ours else {task.target}
    there = {location for location in _list_outputs(task, still) if os.path.lexists(location)}
    if not there:
        return set()
    made = ResultRecord(Path(task.target), task.source)
    try:
        return {location for location in there if not made.is_own(Path(location).name)}
    finally:
        made.close(keep=True)


def _has_tried(task: Task, known: Manifest) -> bool:
    """Return True if an earlier run worked on the result of `task`, though it may have failed."""
    entry = known.entries.get(task.shown)
    return entry is not None and entry.target == task.target


def check_manifest(known: Manifest) -> None:
    """Refuse to add lines to a manifest of somebody else.

    Raises:
        SinkError: the file holds something, and no entry.
    """
    path = known.path
    if os.path.islink(path) or (path.exists() and not path.is_file()):
        raise SinkError(f"{path} is no file", hint="choose another output folder")
    if path.exists() and path.stat().st_size and not known.entries:
        raise SinkError(
            f"{path} is not a manifest of rimlight", hint="choose another output folder"
        )
