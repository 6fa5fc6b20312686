"""Worker processes on this machine, one for each task that is under way."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeAlias

from rimlight.batch.worker import FrameCounter, Outcome, run_worker
from rimlight.system.cpu import count_usable_cores

TRIES = 3
"""A task whose worker was killed this often is given up."""

_TICK_S = 0.2
_STOP_TIMEOUT_S = 10.0

OnTick: TypeAlias = Callable[[Sequence[int]], None]
"""Called a few times a second with the frames done, by the index of each job."""
JOB_BYTES = 500 << 20
"""What one job takes at most while it works on 1080p video."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Job:
    """A task for a worker.

    Attributes:
        index: its number, from 0 on.
        run: a RunConfig as data.
        thumbnail: where the worker puts a small picture of the result.
        threads: its share of the cores; 0 for as many threads as each part likes.
    """

    index: int
    run: dict[str, Any]
    thumbnail: Path
    threads: int = 0


OnKill: TypeAlias = Callable[[Job, int], None]
"""Called with a job whose worker was killed, and the new number of workers."""


@dataclass(frozen=True, slots=True)
class _Worker:
    job: Job
    process: SpawnProcess
    connection: Connection


class LocalPool:
    """Runs N jobs at once, each in its own process, which returns its memory when it ends.

    A worker that dies without an answer was most likely killed for lack of memory: its job is done
    again, and from then on there is one worker fewer.

    Args:
        size: workers at once.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.set_callbacks(lambda _: None, lambda *_: None)
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._tries: dict[int, int] = {}

    @property
    def processors(self) -> int:
        """How many processors share the work."""
        cores = count_usable_cores()
        return cores if self.size > 1 else min(2, cores)  # a job alone has about two busy

    def set_callbacks(self, on_tick: OnTick, on_kill: OnKill) -> None:
        """Have `on_tick` and `on_kill` called from now on."""
        self._on_tick = on_tick
        self._on_kill = on_kill

    @property
    def threads(self) -> int:
        """How many threads each job should use; 0 for as many as each part likes."""
        return max(1, count_usable_cores() // self.size) if self.size > 1 else 0

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Outcome]]:
        """Yield each job with its outcome, in the order they end.

        When the iteration is left early, the workers are asked to end and waited for.
        """
        waiting = deque(jobs)
        counters = self._context.RawArray("q", max((job.index for job in jobs), default=0) + 1)
        try:
            while waiting or self._workers:
                while waiting and len(self._workers) < self.size:
                    self._workers.append(self._start(waiting.popleft(), counters))
                for worker in self._wait_for_ended():
                    outcome = self._collect_outcome(worker)
                    if outcome is None:
                        waiting.appendleft(worker.job)
                    else:
                        yield worker.job, outcome
                self._on_tick(counters)
        finally:
            self._stop()

    def _start(self, job: Job, counters: Any) -> _Worker:
        counters[job.index] = 0
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=run_worker,
            args=(job.run, FrameCounter(job.thumbnail, counters, job.index), job.threads, sender),
            daemon=True,
        )
        process.start()
        sender.close()
        return _Worker(job, process, receiver)

    def _wait_for_ended(self) -> list[_Worker]:
        """Wait a moment; return the workers that have answered or died."""
        ready = set(wait([worker.connection for worker in self._workers], _TICK_S))
        ended = [worker for worker in self._workers if worker.connection in ready]
        self._workers = [worker for worker in self._workers if worker not in ended]
        return ended

    def _collect_outcome(self, worker: _Worker) -> Outcome | None:
        """Return what the worker answered, None when its job is to be done again."""
        try:
            outcome: Outcome | None = worker.connection.recv()
        except EOFError:
            outcome = None
        worker.connection.close()
        worker.process.join()
        if outcome is not None:
            return outcome
        index = worker.job.index
        self._tries[index] = self._tries.get(index, 0) + 1
        self.size = max(1, self.size - 1)
        if self._tries[index] < TRIES:
            self._on_kill(worker.job, self.size)
            return None
        cause = _describe_exit(worker.process.exitcode)
        return Outcome(
            error=f"its worker was killed {TRIES} times ({cause})",
            hint="it may need more memory than there is: try a smaller max_size",
        )

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_STOP_TIMEOUT_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._workers = []


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def count_fitting_jobs(count: int) -> int:
    """Return how many of `count` tasks to run at once: as memory and cores allow, at least 1."""
    free = get_free_bytes()
    fitting = count if free is None else free // JOB_BYTES
    return max(1, min(count, count_usable_cores(), fitting))


def get_free_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int | None:
    """Return the memory that is free, by the system and by the limit of a container.

    Returns:
        None where the system does not tell.
    """
    free = _read_number(meminfo, "MemAvailable:")
    limit, used = _read_number(cgroup / "memory.max"), _read_number(cgroup / "memory.current")
    bounds = [] if free is None else [free << 10]
    if limit is not None and used is not None:
        # Files that were read count as used, and make room when a program needs it.
        bounds.append(limit - used + (_read_number(cgroup / "memory.stat", "inactive_file") or 0))
    return min(bounds, default=None)


def _read_number(path: Path, name: str = "") -> int | None:
    """Return the number after `name` at the start of a line; None: there is none, or "max"."""
    for words in _read_lines(path):
        if not name or words[0] == name:
            number = words[1 if name else 0]
            return int(number) if number.isdecimal() else None
    return None


def _read_lines(path: Path) -> Iterable[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="ascii").splitlines() if line]
    except OSError:
        return []
