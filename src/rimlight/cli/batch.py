"""`rimlight batch`: many videos and pictures, several at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import (
    Background,
    Blur,
    ConfigFile,
    DryRun,
    Fit,
    Keep,
    Model,
    Quiet,
    Settings,
    segmenter_keys,
)

if TYPE_CHECKING:
    from rimlight.batch.local import Job
    from rimlight.batch.manifest import Entry
    from rimlight.batch.plan import Task
    from rimlight.batch.run import Batch, Todo
    from rimlight.config import RunConfig

FAILED = 1
STOPPED = 130


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Videos, pictures, folders of them, and globs."),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the results.")],
    background: Background = None,
    blur: Blur = None,
    keep: Keep = None,
    fit: Fit = "fill",
    model: Model = None,
    suffix: Annotated[
        str | None,
        typer.Option(metavar=".EXT", help="Of the videos to make; .mp4, or .mov with alpha."),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Scale larger videos down to fit into this."),
    ] = None,
    jobs: Annotated[
        str, typer.Option(metavar="N|auto", help="How many at once; auto: as cores and memory go.")
    ] = "auto",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try those again that failed before.")
    ] = False,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Give many videos and pictures another background, or none.

    The output folder holds the results, a manifest and summary.html. Give the same command again to
    go on where it stopped; what is done is not done twice.

      rimlight batch recordings/ photos/*.jpg --background beach.jpg -o results

      rimlight batch recordings/ --background beach.jpg -o results --retry-failed
    """
    from rimlight.batch.plan import make_plan
    from rimlight.batch.run import Batch
    from rimlight.jobs import background_effects, job_config

    effects = None
    if config is None or background is not None or blur is not None:
        effects = background_effects(background=background, blur=blur, keep=keep or (), fit=fit)
    ending = suffix or (".mov" if background == "none" else ".mp4")

    def describe(task: Task) -> RunConfig:
        return job_config(
            "process",
            source=str(task.source),
            sinks=[f"{task.target}/" if task.kind == "folder" else str(task.target)],
            segmenter=segmenter_keys(model, None),
            effects=effects,
            config=config,
            settings=set_ or (),
            options={"video": {"resume": "auto"}},
            source_options={"max_size": max_size} if task.kind == "video" else {},
        )

    tasks = make_plan(inputs, output, suffix=ending)
    _check_first_of_each_kind(tasks, describe)
    work = Batch(output, describe)
    todo = work.todo(tasks, retry_failed=retry_failed)
    size = _jobs(jobs, len(todo.tasks))
    _print_plan(todo, size)
    if not dry_run:
        _work(work, tasks, todo, size, quiet=quiet)


def _check_first_of_each_kind(tasks: Sequence[Task], describe: Callable[[Task], RunConfig]) -> None:
    """Find wrong options once, and at once, not in every worker."""
    from rimlight.build import check

    for task in {task.kind: task for task in tasks}.values():
        check(describe(task))


def _jobs(text: str, count: int) -> int:
    from rimlight.batch.capacity import jobs_that_fit
    from rimlight.errors import ConfigError

    if text == "auto":
        return jobs_that_fit(count)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"--jobs {text!r} must be a number from 1 on, or auto")
    return int(text)


def _print_plan(todo: Todo, size: int) -> None:
    from rimlight.cli.run import console

    kinds = Counter(task.kind for task in todo.tasks)
    names = {"video": "videos", "picture": "pictures", "folder": "folders of pictures"}
    parts = [f"{count} {names[kind]}" for kind, count in kinds.items()]
    console.print(f"to do: {', '.join(parts) or 'nothing'}, {size} at once")
    if todo.done:
        console.print(f"done by an earlier run: {todo.done}")
    if todo.failed:
        console.print(f"failed in an earlier run: {len(todo.failed)} (--retry-failed)")


def _work(work: Batch, tasks: Sequence[Task], todo: Todo, size: int, *, quiet: bool) -> None:
    from rimlight.batch.local import LocalPool
    from rimlight.cli.run import console

    with _progress(len(todo.tasks), quiet=quiet) as (on_tick, on_end):
        pool = LocalPool(size, on_tick=on_tick, on_kill=_tell_of_kill)
        try:
            for _entry in work.run(todo.tasks, pool):
                on_end()
        except KeyboardInterrupt:
            console.print("stopped; the same command goes on from here")
            raise typer.Exit(STOPPED) from None
        finally:
            page = work.write_summary(tasks)
    failed = [entry for entry in _entries(work, tasks) if entry.state == "failed"]
    console.print(f"{len(tasks) - len(failed)} of {len(tasks)} done; look at {page}")
    for entry in failed:
        console.print(f"failed: {entry.source}: {entry.error}")
        if entry.hint:
            console.print(f"        {entry.hint}")
    if failed:
        raise typer.Exit(FAILED)


def _entries(work: Batch, tasks: Sequence[Task]) -> Iterator[Entry]:
    known = (work.manifest.entries.get(str(task.source)) for task in tasks)
    yield from (entry for entry in known if entry is not None)


def _tell_of_kill(job: Job, size: int) -> None:
    from rimlight.cli.run import console

    name = job.run["source"].get("path")
    console.print(f"note: the worker of {name} was killed; trying again, {size} at once")


@contextmanager
def _progress(
    count: int, *, quiet: bool
) -> Iterator[tuple[Callable[[Sequence[int]], None], Callable[[], None]]]:
    """Yield (on_tick, on_end): show the frames done, count one file."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from rimlight.cli.run import console

    columns = (TextColumn("files"), BarColumn(), MofNCompleteColumn())
    text = TextColumn("{task.fields[frames]} frames, {task.fields[speed]:.0f} a second")
    shown = not quiet and console.is_terminal
    with Progress(
        *columns, text, Remaining(), console=console, transient=True, disable=not shown
    ) as bar:
        files = bar.add_task("files", total=count, frames=0, speed=0.0)

        def on_tick(counters: Sequence[int]) -> None:
            elapsed_s = bar.tasks[0].elapsed or 0.0
            frames = sum(counters)
            bar.update(files, frames=frames, speed=frames / elapsed_s if elapsed_s else 0.0)

        yield on_tick, lambda: bar.advance(files)
