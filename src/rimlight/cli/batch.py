"""`rimlight batch`: many videos and images in parallel, on this machine or on a Ray cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rimlight.cli import interrupts
from rimlight.cli.console import STOPPED, console, open_progress
from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
    RUN,
    Audio,
    Background,
    Blur,
    ConfigFile,
    Deliver,
    Device,
    Exclude,
    Fit,
    Keep,
    MaxSize,
    Mirror,
    Model,
    Overwrite,
    Private,
    Quality,
    Quiet,
    Rotate,
    Settings,
    ToneMap,
    has_effects,
    make_rotation_keys,
    make_segmenter_keys,
)
from rimlight.core.addresses import hide_secrets

if TYPE_CHECKING:
    from rimlight.batch.local_pool import Job
    from rimlight.batch.manifest import Entry
    from rimlight.batch.plan import Task
    from rimlight.batch.run import Batch, Pool, Worklist
    from rimlight.batch.workload import Workload
    from rimlight.core.config import RunConfig

Engine = Literal["local", "ray"]

JOBS = "Jobs"
"""The panel of `--help` for how the work is distributed."""

FAILED = 1
_NAMED = 5
_NAMES = {
    "video": ("video", "videos"),
    "picture": ("picture", "pictures"),
    "folder": ("folder of pictures", "folders of pictures"),
}


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos, images, folders and globs; with --engine ray also URLs.",
        ),
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder for the results.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    suffix: Annotated[
        str | None,
        typer.Option(
            metavar=".EXT",
            help="Suffix of the resulting videos (default: .mp4, or .mov with alpha).",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    deliver: Deliver = None,
    audio: Audio = None,
    private: Private = False,
    overwrite: Overwrite = False,
    background: Background = None,
    blur: Blur = None,
    fit: Fit = "fill",
    mirror: Mirror = False,
    keep: Keep = None,
    exclude: Exclude = None,
    model: Model = None,
    device: Device = None,
    quality: Quality = None,
    rotate: Rotate = None,
    max_size: MaxSize = None,
    tone_map: ToneMap = False,
    jobs: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Number of parallel jobs; auto derives it from CPU cores and free memory.",
            rich_help_panel=JOBS,
        ),
    ] = "auto",
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Retry inputs that failed in an earlier run.",
            rich_help_panel=JOBS,
        ),
    ] = False,
    engine: Annotated[
        Engine,
        typer.Option(help="Run on this machine or on a Ray cluster.", rich_help_panel=JOBS),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster; auto: the one of this machine (default: a new one).",
            rich_help_panel=JOBS,
        ),
    ] = None,
    chunk_seconds: Annotated[
        str,
        typer.Option(
            metavar="SECONDS",
            help="Length of the chunks that a video is split into with --engine ray.",
            rich_help_panel=JOBS,
        ),
    ] = "60",
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the plan and an estimate of the duration, and stop.",
            rich_help_panel=RUN,
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Process many videos and images in parallel.

    The output folder holds the results, a manifest and summary.html. The same command resumes a
    batch; finished results are not computed again.

      rimlight batch recordings/ photos/*.jpg --background beach.jpg -o results

      rimlight batch recordings/ --background beach.jpg -o results --retry-failed

      rimlight batch s3://talks/2026 -b white -o s3://talks/white --engine ray --address auto
    """
    from rimlight.batch.plan import describe_left_out, make_plan
    from rimlight.batch.report import fetch_manifest, get_report_folder
    from rimlight.batch.run import Batch, lock_folder
    from rimlight.cli.console import print_notes
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import background_effects, build_config, is_no_background
    from rimlight.factory.sinks import predict_track_changes
    from rimlight.media.paths import strip_file_scheme
    from rimlight.sinks.delivery import find_target, make_sink_options
    from rimlight.sources import guess_source

    selection = parse_object_filter(keep, exclude)
    wanted = make_sink_options(deliver)
    effects = None
    if not has_effects(config, set_) or background is not None or blur is not None:
        effects = background_effects(
            background=background, blur=blur, keep=selection.classes, fit=fit, mirror=mirror
        )

    def describe(task: Task) -> RunConfig:
        kind = "video" if task.kind == "video" else "images"
        moves = task.kind == "video" and guess_source(task.source).get("kind") == "animation"
        return build_config(
            "process",
            source=f"{'animation' if moves else kind}:{task.source}",
            sinks=[f"{kind}:{task.target}{'/' if task.kind == 'folder' else ''}"],
            segmenter=make_segmenter_keys(model, None, device),
            effects=effects,
            refiners=selection.refiners,
            quality=quality or ("best" if kind == "images" and not moves else "balanced"),
            config=config,
            settings=set_ or (),
            options={
                "video": {
                    "resume": "auto",
                    "audio": audio,
                    "private": private or None,
                    **wanted.get("video", {}),
                },
                "images": wanted.get("images", {}),
            },
            source_options=make_rotation_keys(rotate)
            | (
                {"max_size": max_size, "tone_map": tone_map or None} if task.kind == "video" else {}
            ),
        )

    is_clear = is_no_background(background)
    if engine == "local":
        inputs, output = [strip_file_scheme(place) for place in inputs], strip_file_scheme(output)
    _check_places([*inputs, output], engine)
    ending = suffix or (".mov" if is_clear else ".mp4")
    if deliver is not None and suffix is None:
        ending = find_target(deliver).choose_form(transparent=is_clear).suffix
    still = ".png" if is_clear else None
    tasks = make_plan(inputs, output, suffix=ending, still=still)
    print_notes(describe_left_out(inputs, output))
    _check_first_of_each_kind(tasks, describe)
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(lock_folder(get_report_folder(output)))
        work = Batch(fetch_manifest(output), describe, still=still, overwrite=overwrite)
        todo = work.select_tasks(tasks, retry_failed=retry_failed)
        work.check(tasks, todo)
        pool = _open_pool(
            engine, jobs, len(todo.tasks), stack, address=address, chunk_seconds=chunk_seconds
        )
        extent = print_plan(todo, pool, describe if dry_run else None)
        if dry_run:
            print_notes(
                [note for task in todo.tasks for note in predict_track_changes(describe(task))]
            )
        else:
            run_batch(work, tasks, todo, pool, out=output, frames=extent.frames, quiet=quiet)


def _check_places(places: Sequence[str], engine: Engine) -> None:
    """Refuse URLs that the engine cannot read."""
    from rimlight.batch import storage
    from rimlight.core.errors import ConfigError

    far = [place for place in places if storage.is_url(place)]
    if far and engine == "local":
        raise ConfigError(
            f"{far[0]} is not on this machine",
            hint="use --engine ray, which also works without a cluster",
        )
    if any(place.startswith("memory://") for place in far):
        raise ConfigError("memory:// is visible to one process only", hint="use file:// or a path")
    storage.check_filesystems(far)


def _check_first_of_each_kind(tasks: Sequence[Task], describe: Callable[[Task], RunConfig]) -> None:
    """Check the run of each kind of input once, before any worker starts."""
    from rimlight.batch.run import check_components
    from rimlight.factory.validation import validate_config

    for task in {task.kind: task for task in tasks}.values():
        validate_config(describe(task), check_paths=False)  # these are checked for the whole plan
        check_components(describe(task))


def _open_pool(
    engine: Engine,
    jobs: str,
    count: int,
    stack: ExitStack,
    *,
    address: str | None,
    chunk_seconds: str,
) -> Pool:
    """Open the pool that runs the jobs; `stack` closes its connection."""
    from rimlight.batch.local_pool import count_fitting_jobs

    job_count = _parse_jobs(jobs)
    if engine == "local":
        from rimlight.batch.local_pool import LocalPool

        return LocalPool(job_count or count_fitting_jobs(count))
    from rimlight.batch.ray_pool import RayPool
    from rimlight.batch.ray_session import connect_to_ray

    length_s = _parse_chunk_seconds(chunk_seconds)
    stack.enter_context(connect_to_ray(address, cpus=job_count))
    return RayPool(job_count, chunk_s=length_s)


def _parse_jobs(jobs: str) -> int | None:
    """Return the number of jobs; None for auto."""
    from rimlight.core.errors import ConfigError
    from rimlight.core.options import is_number

    if jobs == "auto":
        return None
    if not is_number(jobs) or int(jobs) < 1:
        raise ConfigError(f"--jobs {jobs!r} must be auto or a number of 1 or more", hint="--jobs 2")
    return int(jobs)


def _parse_chunk_seconds(text: str) -> Fraction:
    from rimlight.core.errors import ConfigError

    try:
        length_s = Fraction(text)
    except (ValueError, ZeroDivisionError):
        length_s = Fraction(0)
    if length_s <= 0:
        raise ConfigError(
            f"--chunk-seconds {text!r} must be a number of seconds above 0",
            hint="--chunk-seconds 60",
        )
    return length_s


def print_plan(
    todo: Worklist, pool: Pool, describe: Callable[[Task], RunConfig] | None
) -> Workload:
    """Print the plan, with `describe` also an estimate of its duration; return its extent."""
    from rimlight.batch.run import name_changed_result
    from rimlight.batch.workload import measure_workload

    kinds = Counter(task.kind for task in todo.tasks)
    parts = [f"{count} {_NAMES[kind][count > 1]}" for kind, count in kinds.items()]
    console.print(f"to do: {', '.join(parts) or 'nothing'}, {pool.size} at once")
    extent = measure_workload(todo.tasks)
    if extent.frames:
        of = f" of {_format_duration(extent.seconds)}" if extent.seconds else ""
        console.print(f"       {extent.frames:,} frames{of}")
    for why in extent.unreadable[:_NAMED]:
        console.print(f"note: {why}", soft_wrap=True)
    if extent.unreadable[_NAMED:]:
        console.print(f"note: {len(extent.unreadable) - _NAMED} more videos cannot be opened")
    if todo.done:
        console.print(f"done by an earlier run: {todo.done}")
    for place in todo.changed:
        console.print(
            f"note: {place} was changed since it was written: it is computed again, and the old "
            f"file becomes {name_changed_result(place)}",
            soft_wrap=True,
        )
    if todo.failed:
        console.print(f"failed in an earlier run: {len(todo.failed)} (--retry-failed)")
    if describe is not None:
        _print_estimate(todo, extent, pool, describe)
    return extent


def _print_estimate(
    todo: Worklist, extent: Workload, pool: Pool, describe: Callable[[Task], RunConfig]
) -> None:
    """Estimate the duration of all videos from a few frames of the first that opens."""
    from rimlight.batch.workload import estimate_cost

    videos = [task for task in todo.tasks if task.kind == "video"]
    costs = (estimate_cost(describe(task), task, extent.megapixels) for task in videos)
    cost = next((cost for cost in costs if cost is not None), None)
    if cost is None:
        return
    here, one_core = (
        _format_duration(seconds) for seconds in (cost.cpu_s / pool.processors, cost.cpu_s)
    )
    console.print(
        f"videos: about {here} here ({one_core} of one "
        f"processor) and {cost.bytes / 1e6:,.1f} MB, by a few frames of one",
        soft_wrap=True,
    )


def run_batch(
    work: Batch,
    tasks: Sequence[Task],
    todo: Worklist,
    pool: Pool,
    *,
    out: str,
    frames: int,
    quiet: bool,
) -> None:
    """Run the tasks of a batch and print the results.

    Args:
        work: the batch, which keeps the manifest.
        tasks: the plan.
        todo: the tasks that are not done yet.
        pool: runs the jobs.
        out: the folder of the results.
        frames: the approximate number of frames.
        quiet: show no progress.

    Raises:
        typer.Exit: an input failed, or the user stopped the batch.
        SinkError: the results or the manifest cannot be written.
    """
    from rimlight.batch import report

    report.check_writable(work.manifest.path.parent, out)
    try:
        with (
            interrupts.interrupted_by_signals(),
            _open_batch_progress(len(todo.tasks), frames, quiet=quiet) as (on_tick, on_end),
        ):
            pool.set_callbacks(on_tick, _print_killed)
            for entry in work.run(todo.tasks, pool):
                on_end(entry)
    except KeyboardInterrupt:
        console.print("stopped; the same command resumes here")
        raise typer.Exit(STOPPED) from None
    finally:
        page = report.upload_report(work.write_summary(tasks, out).parent, out)
    _print_results(work.list_entries(tasks), len(tasks), page)


def _print_results(entries: Sequence[Entry], count: int, page: str) -> None:
    failed = [entry for entry in entries if entry.state == "failed"]
    console.print(f"{count - len(failed)} of {count} done; look at {page}", soft_wrap=True)
    for entry in failed:
        console.print(f"failed: {entry.source}: {entry.error}", soft_wrap=True)
        if entry.hint:
            console.print(f"        {entry.hint}", soft_wrap=True)
    if failed:
        raise typer.Exit(FAILED)


def _print_killed(job: Job, size: int) -> None:
    name = hide_secrets(str(job.run["source"].get("path")))
    console.print(
        f"note: the worker of {name} was killed; trying again, {size} at once", soft_wrap=True
    )


@contextmanager
def _open_batch_progress(
    count: int, frames: int, *, quiet: bool
) -> Iterator[tuple[Callable[[Sequence[int]], None], Callable[[Entry], None]]]:
    """Yield (on_tick, on_end): show the frames done, count one input.

    A terminal shows a bar; a log gets one line per input.
    """
    ended: list[Entry] = []

    def format_progress(done: float, _: float | None, speed: float) -> str:
        return f"{len(ended)} of {count} files, {done:,.0f} frames, {speed:.0f}/s"

    with open_progress("", quiet=quiet, figures=format_progress) as update:

        def on_tick(counters: Sequence[int]) -> None:
            update(sum(counters), frames or None)

        def on_end(entry: Entry) -> None:
            ended.append(entry)
            if not quiet and not console.is_terminal:
                console.print(
                    f"[{len(ended)}/{count}] {entry.state}: {entry.source}", soft_wrap=True
                )

        yield on_tick, on_end


def _format_duration(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))
