"""Where results of a batch may go: never onto an input, nor onto a file that no run here made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rimlight.batch import storage
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import Task, pictures_in, result_names
from rimlight.core.errors import SinkError
from rimlight.sinks.output_paths import get_file_id, get_file_ids
from rimlight.sinks.result_record import RecordedResults, ResultRecord

FINISHED = ".rimlight-finished"


class Finished:
    """Results that workers finished and the manifest may not know: a crash can come in between.

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


def check_places(
    tasks: Sequence[Task],
    todo: Sequence[Task],
    known: Manifest,
    finished: Finished,
    *,
    still: str | None,
    overwrite: bool,
) -> None:
    """Refuse a batch, before any work, whose results would replace an input or somebody's file.

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
    changed = {place for task in todo for place in known.changed_results(task)}
    foreign = sorted(
        place for task in todo for place in _foreign(task, known, finished, still) - changed
    )
    if foreign:
        more = f", and {len(foreign) - 1} more" if foreign[1:] else ""
        raise SinkError(
            f"{foreign[0]}{more}: a result would lie there, and no earlier run made it",
            hint="choose another output folder, or set overwrite=true",
        )


def _check_inputs(tasks: Sequence[Task], todo: Sequence[Task], still: str | None) -> None:
    near = [task for task in tasks if not storage.is_url(task.source)]
    files = [Path(place) for task in near for place in _files_of(task)]
    inputs = get_file_ids(files)
    far = {task.source for task in tasks if storage.is_url(task.source)}
    for task in todo:
        for place in _places(task, still):
            known = place in far if storage.is_url(place) else get_file_id(Path(place)) in inputs
            if known:
                raise SinkError(
                    f"the result of {task.shown} would replace the input {place}",
                    hint="choose another output folder",
                )


def _files_of(task: Task) -> list[str]:
    return pictures_in(task.source) if task.kind == "folder" else [task.source]


def _places(task: Task, still: str | None) -> list[str]:
    """Return where the results of a task will lie."""
    if task.kind != "folder":
        return [task.target]
    names = [PurePosixPath(place).name for place in pictures_in(task.source)]
    return [storage.below(task.target, name) for name in result_names(names, still)]


def _foreign(task: Task, known: Manifest, finished: Finished, still: str | None) -> set[str]:
    """Return the places of results where something lies that no run here made."""
    if storage.is_url(task.target):
        ours = _has_tried(task, known)
        return set() if ours else {p for p in _places(task, still) if storage.exists(p)}
    if task.kind != "folder":
        ours = finished.has(task.target) or known.may_replace(task.target)
        return set() if ours else {task.target}
    there = {place for place in _places(task, still) if os.path.lexists(place)}
    if not there:
        return set()
    made = ResultRecord(Path(task.target), task.source)
    try:
        return {place for place in there if not made.is_own(Path(place).name)}
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
