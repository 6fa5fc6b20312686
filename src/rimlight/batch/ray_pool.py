"""Workers on the machines of a Ray cluster, or on this one where there is no cluster."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from rimlight.batch import ray_tasks, storage
from rimlight.batch.chunks import Chunk
from rimlight.batch.local_pool import Job, OnKill, OnTick
from rimlight.batch.ray_job import files_named_by, make_remote_job
from rimlight.batch.ray_session import ray_module
from rimlight.batch.ray_tasks import RemoteJob, TaskResult
from rimlight.batch.worker import Outcome
from rimlight.core.errors import RimlightError
from rimlight.factory.identity import describe_contents
from rimlight.system.atomic_io import write_bytes

PIECE_S = Fraction(60)
"""About how long the pieces of a video are."""

TRIES = 5
"""How often a task is done again whose worker, or whose node, died."""

_TICK_S = 0.2
_AHEAD = 2
"""Tasks given out for each that can run: so a worker that ends one has the next at hand."""


@dataclass(eq=False, slots=True)
class _Progress:
    """How far a job is."""

    job: Job
    order: RemoteJob
    pieces: tuple[Chunk, ...] = ()
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
    """Runs jobs on a cluster, long videos in pieces. A node that dies costs what it was doing.

    Args:
        size: tasks at once; None for as many as the cluster has room for.
        threads: what a task may use, which is also the number of processors that it asks for.
        piece_s: about how long pieces are.

    Raises:
        MissingDependencyError: Ray is not installed.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        threads: int = 1,
        piece_s: Fraction = PIECE_S,
    ) -> None:
        self._ray = ray_module()
        self._limit = size
        self._threads = threads
        self._piece_s = piece_s
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

    def watch(self, on_tick: OnTick, _: OnKill) -> None:
        """Have `on_tick` called from now on. Ray itself does again what a dead worker did."""
        self._on_tick = on_tick

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Outcome]]:
        """Yield each job with its outcome, in the order they end.

        When the iteration is left early, what is under way is cancelled; whole pieces stay.
        """
        waiting = deque(jobs)
        frames = [0] * (max((job.place for job in jobs), default=0) + 1)
        self._contents: dict[str, list[Any]] = {}
        self._files = self._ray.put(files_named_by(job.run for job in jobs))
        try:
            while waiting or self._queue or self._running:
                self._give_out(waiting)
                for task, answer in self._ended():
                    progress = task.progress
                    outcome = self._after(progress, answer)
                    frames[progress.job.place] = progress.frames
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
                order = make_remote_job(
                    job.run,
                    threads=self._threads,
                    piece_s=self._piece_s,
                    made_of=self._made_of(job.run),
                )
                self._queue.append(_Task(_Progress(job, order), ray_tasks.split_or_run))
            if not self._queue:
                return
            task = self._queue.popleft()
            remote = self._remote[task.step]
            reference = remote.remote(task.progress.order, *task.given, self._files)
            self._running[reference] = task

    def _made_of(self, run: Mapping[str, Any]) -> list[Any]:
        """Return what the model and the files of a run are; worked out once for all jobs."""
        named = {"segmenter": run["segmenter"], "effects": run["effects"]}
        key = json.dumps(named, sort_keys=True)
        if key not in self._contents:
            self._contents[key] = describe_contents(named)
        return self._contents[key]

    def _ended(self) -> Iterator[tuple[_Task, TaskResult]]:
        """Wait a moment; yield the tasks that have ended."""
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=_TICK_S)
        for reference in ready:
            task = self._running.pop(reference)
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayError as exc:
                answer = TaskResult(_lost(exc))
            yield task, answer

    def _after(self, progress: _Progress, answer: TaskResult) -> Outcome | None:
        """Go on with a job after one of its tasks; return how it ended, None when it has not."""
        if answer.thumbnail:
            write_bytes(progress.job.thumbnail, answer.thumbnail)
        outcome = answer.outcome
        if outcome is None:
            progress.pieces = answer.pieces
            self._queue.extend(
                _Task(progress, ray_tasks.process_chunk, (one,)) for one in answer.pieces
            )
            return None
        progress.elapsed_s += outcome.elapsed_s
        if outcome.error or progress.done == len(progress.pieces):
            return self._end(progress, outcome)
        progress.done += 1
        progress.frames += outcome.frames
        if progress.done == len(progress.pieces):
            self._queue.append(_Task(progress, ray_tasks.concat_chunks, (progress.pieces,)))
        return None

    def _end(self, progress: _Progress, outcome: Outcome) -> Outcome:
        """Forget what is left of a job; what was staged for it goes when the result is there."""
        self._queue = deque(task for task in self._queue if task.progress is not progress)
        self._cancel([ref for ref, task in self._running.items() if task.progress is progress])
        has_staged = progress.pieces or storage.is_url(progress.order.staging.place)
        if has_staged and not outcome.error:
            with suppress(RimlightError):  # who may store may not always remove
                storage.remove(storage.parent(progress.order.staging.place))
        progress.frames = outcome.frames
        return replace(outcome, elapsed_s=progress.elapsed_s)

    def _cancel(self, references: Sequence[Any]) -> None:
        for reference in references:
            del self._running[reference]
            self._ray.cancel(reference, force=True)


def _lost(exc: Exception) -> Outcome:
    reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    return Outcome(
        error=f"its worker was lost {TRIES + 1} times: {reason}",
        hint="it may need more memory than a node has: try a smaller max_size",
    )
