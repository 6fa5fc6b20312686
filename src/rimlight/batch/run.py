"""A batch from its plan to its summary."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

from rimlight.batch import storage
from rimlight.batch.local_pool import Job, OnKill, OnTick
from rimlight.batch.manifest import (
    Entry,
    FinishedResults,
    Manifest,
    check_manifest,
    check_outputs,
    describe_results,
)
from rimlight.batch.plan import Task
from rimlight.batch.report import write_summary
from rimlight.batch.worker import Outcome
from rimlight.core.config import RunConfig
from rimlight.core.errors import SinkError
from rimlight.factory.identity import describe_contents
from rimlight.factory.segmenter import list_model_names
from rimlight.factory.sinks import check_sinks
from rimlight.models.catalog import Catalog
from rimlight.sinks.output_paths import check_report
from rimlight.system.atomic_io import make_folder, translate_os_errors
from rimlight.system.locks import LockResult, try_lock

SUMMARY = "summary.html"
THUMBNAILS = "thumbnails"


@dataclass(frozen=True, slots=True)
class Worklist:
    """A plan against what is done already.

    Attributes:
        tasks: those to be worked on.
        done: how many an earlier run has done.
        failed: those that failed earlier and are left alone.
        changed: locations of results that somebody changed: they are kept under another name.
    """

    tasks: tuple[Task, ...]
    done: int
    failed: tuple[Task, ...]
    changed: tuple[str, ...] = ()


class Pool(Protocol):
    """Does jobs, several at once."""

    @property
    def threads(self) -> int:
        """How many threads each job should use; 0 for as many as each part likes."""
        ...

    @property
    def size(self) -> int:
        """How many jobs, or chunks of jobs, are done at once."""
        ...

    @property
    def processors(self) -> int:
        """How many processors share the work."""
        ...

    def set_callbacks(self, on_tick: OnTick, on_kill: OnKill) -> None:
        """Have `on_tick` and `on_kill` called from now on."""
        ...

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Outcome]]:
        """Yield each job with its outcome, in the order they end."""
        ...


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other batches out of the folder of the record while the block lasts.

    Raises:
        SinkError: another one works there, or the folder cannot be made.
    """
    make_folder(folder)
    with translate_os_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        if try_lock(descriptor) is LockResult.BUSY:
            raise SinkError(
                f"another batch is working in {folder}",
                hint="wait for it, or choose another output folder",
            )
        yield
    finally:
        os.close(descriptor)


class Batch:
    """Works through tasks and keeps the record.

    Args:
        folder: where manifest, thumbnails and summary go; made if need be.
        describe: makes the run of a task.
        still: the suffix of pictures to make, None for that of each.
        overwrite: replace files that no earlier run made.

    Raises:
        SinkError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        describe: Callable[[Task], RunConfig],
        *,
        still: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self._folder = folder
        self._still = still
        self._overwrite = overwrite
        self._finished = FinishedResults(folder)
        self._describe = describe
        self._names: dict[Task, str] = {}
        self._files: dict[str, list[Any]] = {}
        self._identities: dict[Task, str] = {}
        self.manifest = Manifest(folder)

    def select_tasks(self, tasks: Sequence[Task], *, retry_failed: bool) -> Worklist:
        """Sort out what is to be done: all but what an earlier run did, or failed to do."""
        states = [self._find_state(task) for task in tasks]
        known = list(zip(tasks, states, strict=True))
        wanted = ("new", "failed") if retry_failed else ("new",)
        failed = () if retry_failed else tuple(task for task, state in known if state == "failed")
        todo = tuple(task for task, state in known if state in wanted)
        changed = tuple(
            location for task in todo for location in self.manifest.find_changed_results(task)
        )
        return Worklist(todo, states.count("done"), failed, changed)

    def check(self, tasks: Sequence[Task], todo: Worklist) -> None:
        """Refuse, before any work, to replace an input or a file that no earlier run made.

        Raises:
            SinkError: the locations of the results are taken.
        """
        if self._folder.is_dir():
            check_report(self._folder / SUMMARY, overwrite=self._overwrite)
        check_manifest(self.manifest)
        check_outputs(
            tasks,
            todo.tasks,
            self.manifest,
            self._finished,
            still=self._still,
            overwrite=self._overwrite,
        )

    def run(self, tasks: Sequence[Task], pool: Pool) -> Iterator[Entry]:
        """Work through `tasks`; yield and record what became of each.

        Raises:
            SinkError: the manifest or the summary cannot be written.
        """
        thumbnails = self._folder / THUMBNAILS
        folders = {storage.get_parent(t.target) for t in tasks if not storage.is_url(t.target)}
        for folder in (thumbnails, *map(Path, sorted(folders))):
            make_folder(folder)
        for task in tasks:
            self._get_identity(task)
            for location in self.manifest.find_changed_results(task):
                storage.move(location, name_changed_result(location))
        free = [task for task in tasks if self._is_free(task)]
        for task in tasks:
            if task not in free:
                yield self._record(task, _make_taken_outcome(task))
        jobs = [
            Job(
                index,
                self._make_run_data(task, pool.threads),
                self._locate_thumbnail(task),
                pool.threads,
            )
            for index, task in enumerate(free)
        ]
        with closing(pool.run(jobs)) as ended:
            for job, outcome in ended:
                yield self._record(free[job.index], outcome)
        self._finished.forget()

    def write_summary(self, tasks: Sequence[Task], out: str) -> Path:
        """Write the page about `tasks`, whose results are in `out`; return its path.

        Raises:
            SinkError: it cannot be written.
        """
        path = self._folder / SUMMARY
        make_folder(self._folder)
        write_summary(self.list_entries(tasks), path, out=out)
        return path

    def list_entries(self, tasks: Sequence[Task]) -> list[Entry]:
        """Return what is known of `tasks`."""
        known = (self.manifest.entries.get(task.shown) for task in tasks)
        return [entry for entry in known if entry is not None]

    def _find_state(self, task: Task) -> Literal["new", "done", "failed"]:
        return self.manifest.find_state(task, self._get_identity(task), self._name_settings(task))

    def _get_identity(self, task: Task) -> str:
        """Return what the source was when it was planned: one that changes later is done again."""
        if task not in self._identities:
            self._identities[task] = task.compute_identity()
        return self._identities[task]

    def _name_settings(self, task: Task) -> str:
        """Return a name for how `task` is processed."""
        if task not in self._names:
            run = self._describe(task).model_dump(mode="json", exclude={"pipeline"})
            run["source"].pop("path", None)
            facts = json.dumps([run, self._describe_contents(run)], sort_keys=True)
            self._names[task] = hashlib.sha256(facts.encode()).hexdigest()[:16]
        return self._names[task]

    def _describe_contents(self, run: Mapping[str, Any]) -> list[Any]:
        """Return what the model and the files of a run are; asked for once for all tasks."""
        sinks = [{**sink, "path": None} for sink in run["sinks"]]
        named = {"segmenter": run["segmenter"], "effects": run["effects"], "sinks": sinks}
        key = json.dumps(named, sort_keys=True)
        if key not in self._files:
            self._files[key] = describe_contents(named)
        return self._files[key]

    def _make_run_data(self, task: Task, threads: int) -> dict[str, Any]:
        """Return the run as data; `threads` is what each part may use, 0 for what it likes."""
        data = self._describe(task).model_dump(mode="json")
        data["sinks"] = [{**self._make_overwrite_options(task), **sink} for sink in data["sinks"]]
        if threads:
            if _accepts_threads(data["segmenter"]):
                data["segmenter"] = {"threads": threads, **data["segmenter"]}
            data["source"] = _set_threads(data["source"], threads)
            data["sinks"] = [_set_threads(sink, threads) for sink in data["sinks"]]
        return data

    def _make_overwrite_options(self, task: Task) -> dict[str, Any]:
        """Return what the sink of a task may replace; the locations are checked already."""
        if storage.is_url(task.target):
            return {"overwrite": self._overwrite or self.manifest.has_made(task)}
        if task.kind == "folder":
            return {"overwrite": self._overwrite, "keep_record": True}
        return {"overwrite": os.path.lexists(task.target), "record": str(self._finished.path)}

    def _locate_thumbnail(self, task: Task) -> Path:
        name = hashlib.sha256(os.fsencode(task.source)).hexdigest()[:16]
        return self._folder / THUMBNAILS / f"{name}.jpg"

    def _is_free(self, task: Task) -> bool:
        """Return True if no file that is not this folder's lies where the result goes."""
        may = self._overwrite or task.kind == "folder" or self._finished.has(task.target)
        return may or self.manifest.is_replaceable(task.target)

    def _record(self, task: Task, outcome: Outcome) -> Entry:
        entry = self._make_entry(task, outcome, self._locate_thumbnail(task))
        self.manifest.add(entry)
        return entry

    def _make_entry(self, task: Task, outcome: Outcome, thumbnail: Path) -> Entry:
        shown = f"{THUMBNAILS}/{thumbnail.name}" if thumbnail.is_file() else ""
        return Entry(
            source=task.shown,
            target=task.target,
            state="failed" if outcome.error else "done",
            identity=self._get_identity(task),
            settings=self._name_settings(task),
            frames=outcome.frames,
            elapsed_s=round(outcome.elapsed_s, 3),
            error=outcome.error,
            hint=outcome.hint,
            thumbnail=shown,
            retryable=outcome.retryable,
            results=() if outcome.error else describe_results(task),
        )


def name_changed_result(location: str) -> str:
    """Return a free name for a result that somebody changed, before it is made again."""
    path = PurePosixPath(location.rpartition("/")[2])
    names = (f"{path.stem}.changed{n or ''}{path.suffix}" for n in count())
    folder = storage.get_parent(location)
    return next(p for p in (storage.join(folder, n) for n in names) if not storage.exists(p))


def _make_taken_outcome(task: Task) -> Outcome:
    return Outcome(
        error=f"{task.target} exists, and no run with this output folder made it",
        hint="move it, or choose another output folder",
        retryable=True,
    )


def _accepts_threads(segmenter: Mapping[str, Any]) -> bool:
    """Say whether the model runs where its threads can be told; "auto" is one that does."""
    if segmenter["kind"] != "model":
        return False
    name = segmenter.get("model", "auto")
    if name == "auto":
        return True
    folder = segmenter.get("models_dir")
    catalog = Catalog(Path(folder) if folder else None)
    return all(catalog.resolve(one)[0].runtime != "keras" for one in list_model_names(name))


def _set_threads(part: Mapping[str, Any], threads: int) -> dict[str, Any]:
    """Return a source or sink with its share of threads, where it decodes or encodes video."""
    return {"threads": threads, **part} if part["kind"] == "video" else dict(part)


def check_components(run: RunConfig) -> None:
    """Read the files that effects name, and ask whether the outputs can hold what is made.

    Raises:
        RimlightError: a background cannot be read, or a container cannot hold the video.
    """
    check_sinks(run)
    for part in run.effects:
        part.open().close()
