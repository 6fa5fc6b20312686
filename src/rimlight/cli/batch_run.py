"""What `rimlight batch` shows: the plan, how far it is, what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from rimlight.cli import interrupts
from rimlight.cli.run import STOPPED, console
from rimlight.core.addresses import hide_secrets

if TYPE_CHECKING:
    from rimlight.batch.extent import Extent
    from rimlight.batch.local import Job
    from rimlight.batch.manifest import Entry
    from rimlight.batch.plan import Task
    from rimlight.batch.run import Batch, Pool, Todo
    from rimlight.core.config import RunConfig

FAILED = 1
_NAMED = 5
_NAMES = {
    "video": ("video", "videos"),
    "picture": ("picture", "pictures"),
    "folder": ("folder of pictures", "folders of pictures"),
}


def show_plan(todo: Todo, pool: Pool, describe: Callable[[Task], RunConfig] | None) -> Extent:
    """Print what there is to do, and with `describe` how long it may take; return its extent."""
    from rimlight.batch.extent import extent_of
    from rimlight.batch.run import name_aside

    kinds = Counter(task.kind for task in todo.tasks)
    parts = [f"{count} {_NAMES[kind][count > 1]}" for kind, count in kinds.items()]
    console.print(f"to do: {', '.join(parts) or 'nothing'}, {pool.size} at once")
    extent = extent_of(todo.tasks)
    if extent.frames:
        of = f" of {_time(extent.seconds)}" if extent.seconds else ""
        console.print(f"       {extent.frames:,} frames{of}")
    for why in extent.unreadable[:_NAMED]:
        console.print(f"note: {why}", soft_wrap=True)
    if extent.unreadable[_NAMED:]:
        console.print(f"note: {len(extent.unreadable) - _NAMED} more videos cannot be opened")
    if todo.done:
        console.print(f"done by an earlier run: {todo.done}")
    for place in todo.changed:
        console.print(
            f"note: {place} was changed since it was made: it is made again, and what is there "
            f"becomes {name_aside(place)}",
            soft_wrap=True,
        )
    if todo.failed:
        console.print(f"failed in an earlier run: {len(todo.failed)} (--retry-failed)")
    if describe is not None:
        _show_estimate(todo, extent, pool, describe)
    return extent


def _show_estimate(
    todo: Todo, extent: Extent, pool: Pool, describe: Callable[[Task], RunConfig]
) -> None:
    """Try the first video that opens, and reckon from it what all will take."""
    from rimlight.batch.extent import cost_of

    videos = [task for task in todo.tasks if task.kind == "video"]
    costs = (cost_of(describe(task), task, extent.megapixels) for task in videos)
    cost = next((cost for cost in costs if cost is not None), None)
    if cost is None:
        return
    console.print(
        f"videos: about {_time(cost.cpu_s / pool.processors)} here ({_time(cost.cpu_s)} of one "
        f"processor) and {cost.bytes / 1e6:,.1f} MB, by a few frames of one",
        soft_wrap=True,
    )


def work_through(
    work: Batch,
    tasks: Sequence[Task],
    todo: Todo,
    pool: Pool,
    *,
    out: str,
    frames: int,
    quiet: bool,
) -> None:
    """Work through what there is to do, and say what became of it.

    Args:
        work: keeps the record.
        tasks: the plan.
        todo: what of it is to be done.
        pool: does it.
        out: the folder of the results.
        frames: how many there are about.
        quiet: show no progress.

    Raises:
        typer.Exit: a file failed, or the user stopped it.
        SinkError: the results, or the record, cannot be stored.
    """
    from rimlight.batch import report

    report.begin(work.manifest.path.parent, out)
    try:
        with (
            interrupts.interrupted_by_signals(),
            _progress(len(todo.tasks), frames, quiet=quiet) as (on_tick, on_end),
        ):
            pool.watch(on_tick, _tell_of_kill)
            for entry in work.run(todo.tasks, pool):
                on_end(entry)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        raise typer.Exit(STOPPED) from None
    finally:
        page = report.publish(work.write_summary(tasks, out).parent, out)
    _close(work.entries(tasks), len(tasks), page)


def _close(entries: Sequence[Entry], count: int, page: str) -> None:
    failed = [entry for entry in entries if entry.state == "failed"]
    console.print(f"{count - len(failed)} of {count} done; look at {page}", soft_wrap=True)
    for entry in failed:
        console.print(f"failed: {entry.source}: {entry.error}", soft_wrap=True)
        if entry.hint:
            console.print(f"        {entry.hint}", soft_wrap=True)
    if failed:
        raise typer.Exit(FAILED)


def _tell_of_kill(job: Job, size: int) -> None:
    name = hide_secrets(str(job.run["source"].get("path")))
    console.print(
        f"note: the worker of {name} was killed; trying again, {size} at once", soft_wrap=True
    )


@contextmanager
def _progress(
    count: int, frames: int, *, quiet: bool
) -> Iterator[tuple[Callable[[Sequence[int]], None], Callable[[Entry], None]]]:
    """Yield (on_tick, on_end): show the frames done, count one file.

    On a terminal that is a bar; in a log, a line for each file.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn(
        "{task.fields[files]} of {task.fields[count]} files, {task.completed:,.0f} frames, "
        "{task.fields[speed]:.0f} a second,"
    )
    shown = not quiet and console.is_terminal
    columns = (BarColumn(), text, TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        all_ = bar.add_task("", total=frames or None, files=0, count=count, speed=0.0)
        ended: list[Entry] = []

        def on_tick(counters: Sequence[int]) -> None:
            elapsed_s = bar.tasks[0].elapsed or 0.0
            done = sum(counters)
            bar.update(all_, completed=done, speed=done / elapsed_s if elapsed_s else 0.0)

        def on_end(entry: Entry) -> None:
            ended.append(entry)
            bar.update(all_, files=len(ended))
            if not quiet and not console.is_terminal:
                console.print(
                    f"[{len(ended)}/{count}] {entry.state}: {entry.source}", soft_wrap=True
                )

        yield on_tick, on_end


def _time(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))
