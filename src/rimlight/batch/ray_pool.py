"""Runs jobs on the machines of a Ray cluster, or on this one where there is no cluster."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from rimlight import __version__
from rimlight.batch import ray_tasks, storage
from rimlight.batch.chunks import Chunk
from rimlight.batch.local_pool import Job, OnKill, OnTick
from rimlight.batch.ray_session import import_ray
from rimlight.batch.ray_tasks import Files, RemoteJob, TaskResult
from rimlight.batch.staging import Staging, get_secret
from rimlight.batch.worker import Outcome
from rimlight.core.errors import RimlightError
from rimlight.factory.identity import describe_contents
from rimlight.system.atomic_io import make_hidden_name, write_bytes


def make_remote_job(
    run: Mapping[str, Any], *, threads: int, chunk_s: Fraction, made_of: Sequence[Any] = ()
) -> RemoteJob:
    """Return what a worker needs to know.

    Args:
        run: a RunConfig as data, with paths as the user gave them.
        threads: what a task may use.
        chunk_s: about how long a chunk is.
        made_of: what tells the files that the run names, such as its model, from others.
    """
    rooted: dict[str, Any] = {key: _make_paths_absolute(value) for key, value in run.items()}
    source, (sink, *more) = rooted["source"], rooted["sinks"]
    rooted["source"] = {**source, "path": _from_root(source["path"])}
    changed = {key: _from_root(sink[key]) for key in ("path", "record") if sink.get(key)}
    rooted["sinks"] = [{**sink, **changed}, *more]
    return RemoteJob(rooted, threads, _make_staging(rooted, made_of), chunk_s)


def read_named_files(runs: Iterable[Mapping[str, Any]]) -> Files:
    """Return the content of each file that the effects of `runs` name."""
    named = {value for run in runs for effect in run["effects"] for value in effect.values()}
    paths = {_make_paths_absolute(value) for value in named if _is_file(value)}
    return {path: Path(path).read_bytes() for path in sorted(paths)}


def _make_staging(run: Mapping[str, Any], made_of: Sequence[Any]) -> Staging:
    """Return a folder next to the result whose name says how it is made, and of what."""
    source, sink = run["source"]["path"], run["sinks"][0]
    target = sink["path"].rstrip("/")
    try:
        facts = storage.read_facts(source)
    except OSError:  # the worker will say so
        facts = []
    asked = {**run, "sinks": [{**sink, "overwrite": None}, *run["sinks"][1:]]}
    made = json.dumps([__version__, asked, facts, made_of], sort_keys=True)
    name = hashlib.sha256(made.encode()).hexdigest()[:32]
    # Next to a bucket nothing can lie, only in it.
    top = target if storage.is_bucket(target) else storage.get_parent(target)
    location = storage.join(top, _hide_name(target), name)
    key = hmac.new(get_secret(), location.encode(errors="surrogateescape"), hashlib.sha256).digest()
    return Staging(location, key, PurePosixPath(target).suffix)


def _hide_name(target: str) -> str:
    if storage.is_url(target):
        return f".{PurePosixPath(target).name}.chunks"
    return make_hidden_name(Path(target), ".chunks")


def _from_root(location: str) -> str:
    return location if storage.is_url(location) else _make_absolute(location)


def _make_absolute(location: str) -> str:
    # A slash at the end says that a folder is meant; pathlib drops it.
    return str(Path(os.path.expanduser(location)).absolute()) + "/" * location.endswith("/")


def _make_paths_absolute(value: Any) -> Any:
    """Return `value` with every path of a file in it counter from the root."""
    if isinstance(value, dict):
        return {key: _make_paths_absolute(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_make_paths_absolute(item) for item in value]
    return _make_absolute(value) if _is_file(value) else value


def _is_file(value: Any) -> bool:
    is_text = isinstance(value, str) and 0 < len(value) <= 4096
    return is_text and os.path.isfile(os.path.expanduser(value))


CHUNK_S = Fraction(60)
"""About how long the chunks of a video are."""

TRIES = 5
"""How often a task is done again whose worker, or whose node, died."""

_TICK_S = 0.2
_AHEAD = 2
"""Tasks given out for each that can run: so a worker that ends one has the next at hand."""


@dataclass(eq=False, slots=True)
class _Progress:
    """How far a job is."""

    job: Job
    remote_job: RemoteJob
    chunks: tuple[Chunk, ...] = ()
    done: int = 0
    frames: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Task:
    """One step of a job."""

    progress: _Progress
    step: Callable[..., TaskResult]
    given: tuple[Any, ...] = ()


class RayPool:
    """Runs jobs on a cluster, long videos in chunks. A node that dies costs what it was doing.

    Args:
        size: tasks at once; None for as many as the cluster has room for.
        threads: what a task may use, which is also the number of processors that it asks for.
        chunk_s: about how long chunks are.

    Raises:
        MissingDependencyError: Ray is not installed.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        threads: int = 1,
        chunk_s: Fraction = CHUNK_S,
    ) -> None:
        self._ray = import_ray()
        self._limit = size
        self._threads = threads
        self._chunk_s = chunk_s
        self._on_tick: OnTick = lambda _: None
        self._queue: deque[_Task] = deque()
        self._running: dict[Any, _Task] = {}
        options = {"num_cpus": threads, "max_retries": TRIES, "scheduling_strategy": "SPREAD"}
        self._remote = {
            step: self._ray.remote(**options)(step)
            for step in (ray_tasks.split_or_run, ray_tasks.process_chunk, ray_tasks.concat_chunks)
        }

    @property
    def threads(self) -> int:
        """How many threads each task uses: a fixed number, so that all nodes make the same bits."""
        return self._threads

    @property
    def size(self) -> int:
        """How many tasks run at once, as far as is known now: a cluster may grow."""
        room = int(self._ray.cluster_resources().get("CPU", 1)) // self._threads
        return max(1, room if self._limit is None else min(room, self._limit))

    @property
    def processors(self) -> int:
        """How many processors share the work."""
        return self.size * self._threads

    def set_callbacks(self, on_tick: OnTick, _: OnKill) -> None:
        """Have `on_tick` called from now on. Ray itself does again what a dead worker did."""
        self._on_tick = on_tick

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Outcome]]:
        """Yield each job with its outcome, in the remote_job they end.

        When the iteration is left early, what is under way is cancelled; whole chunks stay.
        """
        waiting = deque(jobs)
        frames = [0] * (max((job.index for job in jobs), default=0) + 1)
        self._contents: dict[str, list[Any]] = {}
        self._files = self._ray.put(read_named_files(job.run for job in jobs))
        try:
            while waiting or self._queue or self._running:
                self._give_out(waiting)
                for task, result in self._wait_for_ended():
                    progress = task.progress
                    outcome = self._advance(progress, result)
                    frames[progress.job.index] = progress.frames
                    if outcome is not None:
                        yield progress.job, outcome
                self._on_tick(frames)
        finally:
            self._cancel(list(self._running))

    def _give_out(self, waiting: deque[Job]) -> None:
        """Hand tasks to the cluster, but not all at once; begin a job when there is room."""
        wanted = _AHEAD * self.size if self._limit is None else self.size
        while len(self._running) < wanted:
            if not self._queue and waiting:
                job = waiting.popleft()
                remote_job = make_remote_job(
                    job.run,
                    threads=self._threads,
                    chunk_s=self._chunk_s,
                    made_of=self._describe_contents(job.run),
                )
                self._queue.append(_Task(_Progress(job, remote_job), ray_tasks.split_or_run))
            if not self._queue:
                return
            task = self._queue.popleft()
            remote = self._remote[task.step]
            reference = remote.remote(task.progress.remote_job, *task.given, self._files)
            self._running[reference] = task

    def _describe_contents(self, run: Mapping[str, Any]) -> list[Any]:
        """Return what the model and the files of a run are; worked out once for all jobs."""
        named = {"segmenter": run["segmenter"], "effects": run["effects"]}
        key = json.dumps(named, sort_keys=True)
        if key not in self._contents:
            self._contents[key] = describe_contents(named)
        return self._contents[key]

    def _wait_for_ended(self) -> Iterator[tuple[_Task, TaskResult]]:
        """Wait a moment; yield the tasks that have ended."""
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=_TICK_S)
        for reference in ready:
            task = self._running.pop(reference)
            try:
                result = self._ray.get(reference)
            except self._ray.exceptions.RayError as exc:
                result = TaskResult(_make_lost_outcome(exc))
            yield task, result

    def _advance(self, progress: _Progress, result: TaskResult) -> Outcome | None:
        """Go on with a job after one of its tasks; return how it ended, None when it has not."""
        if result.thumbnail:
            write_bytes(progress.job.thumbnail, result.thumbnail)
        outcome = result.outcome
        if outcome is None:
            progress.chunks = result.chunks
            self._queue.extend(
                _Task(progress, ray_tasks.process_chunk, (one,)) for one in result.chunks
            )
            return None
        progress.elapsed_s += outcome.elapsed_s
        if outcome.error or progress.done == len(progress.chunks):
            return self._finish(progress, outcome)
        progress.done += 1
        progress.frames += outcome.frames
        if progress.done == len(progress.chunks):
            self._queue.append(_Task(progress, ray_tasks.concat_chunks, (progress.chunks,)))
        return None

    def _finish(self, progress: _Progress, outcome: Outcome) -> Outcome:
        """Forget what is left of a job; what was staged for it goes when the result is there."""
        self._queue = deque(task for task in self._queue if task.progress is not progress)
        self._cancel([ref for ref, task in self._running.items() if task.progress is progress])
        has_staged = progress.chunks or storage.is_url(progress.remote_job.staging.location)
        if has_staged and not outcome.error:
            with suppress(RimlightError):  # who may store may not always remove
                storage.remove(storage.get_parent(progress.remote_job.staging.location))
        progress.frames = outcome.frames
        return replace(outcome, elapsed_s=progress.elapsed_s)

    def _cancel(self, references: Sequence[Any]) -> None:
        for reference in references:
            del self._running[reference]
            self._ray.cancel(reference, force=True)


def _make_lost_outcome(exc: Exception) -> Outcome:
    reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    return Outcome(
        error=f"its worker was lost {TRIES + 1} times: {reason}",
        hint="it may need more memory than a node has: try a smaller max_size",
    )
