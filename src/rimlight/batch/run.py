"""A batch from its plan to its summary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.batch.capacity import cores
from rimlight.batch.local import Job, LocalPool
from rimlight.batch.manifest import Entry, Manifest
from rimlight.batch.plan import Task
from rimlight.batch.summary import write_summary
from rimlight.batch.work import Outcome
from rimlight.catalog.find import Catalog
from rimlight.config import RunConfig
from rimlight.errors import SinkError

THUMBNAILS = "thumbnails"


@dataclass(frozen=True, slots=True)
class Todo:
    """A plan against what is done already.

    Attributes:
        tasks: those to be worked on.
        done: how many an earlier run has done.
        failed: those that failed earlier and are left alone.
    """

    tasks: tuple[Task, ...]
    done: int
    failed: tuple[Task, ...]


class Batch:
    """Works through tasks and keeps the record.

    Args:
        folder: where results, manifest, thumbnails and summary go; made if need be.
        describe: makes the run of a task.

    Raises:
        SinkError: the folder cannot be used.
    """

    def __init__(self, folder: Path, describe: Callable[[Task], RunConfig]) -> None:
        self._folder = folder
        self._describe = describe
        self.manifest = Manifest(folder)

    def todo(self, tasks: Sequence[Task], *, retry_failed: bool) -> Todo:
        """Sort out what is to be done: all but what an earlier run did, or failed to do."""
        states = [self.manifest.state(task, self._settings(task)) for task in tasks]
        known = list(zip(tasks, states, strict=True))
        wanted = ("new", "failed") if retry_failed else ("new",)
        failed = () if retry_failed else tuple(task for task, state in known if state == "failed")
        todo = tuple(task for task, state in known if state in wanted)
        return Todo(todo, states.count("done"), failed)

    def run(self, tasks: Sequence[Task], pool: LocalPool) -> Iterator[Entry]:
        """Work through `tasks`; yield and record what became of each.

        Raises:
            SinkError: the manifest or the summary cannot be written.
        """
        thumbnails = self._folder / THUMBNAILS
        self._make_folders([thumbnails, *(task.target.parent for task in tasks)])
        jobs = [
            Job(place, self._data(task, pool.size), thumbnails / f"{_name(task)}.jpg")
            for place, task in enumerate(tasks)
        ]
        with closing(pool.run(jobs)) as ended:
            for job, outcome in ended:
                entry = self._entry(tasks[job.place], outcome, job.thumbnail)
                self.manifest.add(entry)
                yield entry

    def write_summary(self, tasks: Sequence[Task]) -> Path:
        """Write the page about `tasks`; return its path."""
        path = self._folder / "summary.html"
        known = [self.manifest.entries.get(str(task.source)) for task in tasks]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_summary([entry for entry in known if entry is not None], path)
        except OSError as exc:
            raise SinkError(f"cannot write {path}: {exc.strerror}") from exc
        return path

    def _make_folders(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                raise SinkError(f"cannot make {folder}: {exc.strerror}") from exc

    def _settings(self, task: Task) -> str:
        run = self._describe(task).model_dump(mode="json", exclude={"source", "pipeline"})
        return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16]

    def _data(self, task: Task, jobs: int) -> dict[str, Any]:
        """Return the run as data; several at once share the cores among them."""
        data = self._describe(task).model_dump(mode="json")
        share = max(1, cores() // jobs)
        if jobs > 1:
            if _takes_threads(data["segmenter"]):
                data["segmenter"] = {"threads": share, **data["segmenter"]}
            data["sinks"] = [_with_threads(sink, share) for sink in data["sinks"]]
        return data

    def _entry(self, task: Task, outcome: Outcome, thumbnail: Path) -> Entry:
        shown = f"{THUMBNAILS}/{thumbnail.name}" if thumbnail.is_file() else ""
        return Entry(
            source=str(task.source),
            target=str(task.target),
            state="failed" if outcome.error else "done",
            identity=task.identity(),
            settings=self._settings(task),
            frames=outcome.frames,
            elapsed_s=round(outcome.elapsed_s, 3),
            error=outcome.error,
            hint=outcome.hint,
            thumbnail=shown,
        )


def _takes_threads(segmenter: Mapping[str, Any]) -> bool:
    """Say whether the model runs where its threads can be told; "auto" is one that does."""
    if segmenter["kind"] != "model":
        return False
    name = segmenter.get("model", "auto")
    if name == "auto":
        return True
    folder = segmenter.get("models_dir")
    card, _ = Catalog(Path(folder) if folder else None).resolve(name)
    return card.runtime != "keras"


def _with_threads(sink: Mapping[str, Any], threads: int) -> dict[str, Any]:
    return {"threads": threads, **sink} if sink["kind"] == "video" else dict(sink)


def _name(task: Task) -> str:
    return hashlib.sha256(str(task.source).encode()).hexdigest()[:16]
