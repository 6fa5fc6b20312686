"""`rimlight batch`: many videos and pictures, several at once, on this machine or on many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rimlight.cli.flags import (
    Audio,
    Background,
    Blur,
    ConfigFile,
    Drop,
    Fit,
    Keep,
    Mirror,
    Model,
    Overwrite,
    Private,
    Quality,
    Quiet,
    Rotate,
    Settings,
    names_effects,
    segmenter_keys,
    turn_keys,
)

if TYPE_CHECKING:
    from rimlight.batch.plan import Task
    from rimlight.batch.run import Pool
    from rimlight.core.config import RunConfig

Engine = Literal["local", "ray"]


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos, pictures, folders of them, and globs; with --engine ray also addresses.",
        ),
    ],
    *,
    output: Annotated[str, typer.Option("--output", "-o", help="The folder for the results.")],
    background: Background = None,
    blur: Blur = None,
    keep: Keep = None,
    drop: Drop = None,
    fit: Fit = "fill",
    mirror: Mirror = False,
    rotate: Rotate = None,
    model: Model = None,
    quality: Quality = None,
    suffix: Annotated[
        str | None,
        typer.Option(metavar=".EXT", help="Of the videos to make; .mp4, or .mov with alpha."),
    ] = None,
    audio: Audio = True,
    private: Private = False,
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
    overwrite: Overwrite = False,
    engine: Annotated[
        Engine, typer.Option(help="Where the work is done: on this machine, or on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="With --engine ray: the cluster's; auto: this machine's; else none."),
    ] = None,
    piece: Annotated[
        str, typer.Option(metavar="SECONDS", help="With --engine ray: the length of pieces.")
    ] = "60",
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is to do and how long it may take.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Give many videos and pictures another background, or none.

    The output folder holds the results, a manifest and summary.html. Give the same command again to
    go on where it stopped; what is done is not done twice.

      rimlight batch recordings/ photos/*.jpg --background beach.jpg -o results

      rimlight batch recordings/ --background beach.jpg -o results --retry-failed

      rimlight batch s3://talks/2026 -b white -o s3://talks/white --engine ray --address auto
    """
    from rimlight.batch.plan import left_out, make_plan
    from rimlight.batch.report import bring, report_folder
    from rimlight.batch.run import Batch, alone_in
    from rimlight.cli.batch_run import show_plan, work_through
    from rimlight.cli.run import tell
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import background_effects, build_config
    from rimlight.factory.sinks import predict_track_changes
    from rimlight.media.paths import plain_path
    from rimlight.sources import guess

    said = parse_object_filter(keep, drop)
    effects = None
    if not names_effects(config, set_) or background is not None or blur is not None:
        effects = background_effects(
            background=background, blur=blur, keep=said.classes, fit=fit, mirror=mirror
        )

    def describe(task: Task) -> RunConfig:
        kind = "video" if task.kind == "video" else "images"
        moves = task.kind == "video" and guess(task.source).get("kind") == "animation"
        return build_config(
            "process",
            source=f"{'animation' if moves else kind}:{task.source}",
            sinks=[f"{kind}:{task.target}{'/' if task.kind == 'folder' else ''}"],
            segmenter=segmenter_keys(model, None),
            effects=effects,
            refiners=said.refiners,
            quality=quality,
            config=config,
            settings=set_ or (),
            options={
                "video": {
                    "resume": "auto",
                    "audio": None if audio else False,
                    "private": private or None,
                }
            },
            source_options=turn_keys(rotate)
            | ({"max_size": max_size} if task.kind == "video" else {}),
        )

    is_clear = background == "none"
    if engine == "local":
        inputs, output = [plain_path(place) for place in inputs], plain_path(output)
    _check_places([*inputs, output], engine)
    ending = suffix or (".mov" if is_clear else ".mp4")
    still = ".png" if is_clear else None
    tasks = make_plan(inputs, output, suffix=ending, still=still)
    tell(left_out(inputs, output))
    _check_first_of_each_kind(tasks, describe)
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(alone_in(report_folder(output)))
        work = Batch(bring(output), describe, still=still, overwrite=overwrite)
        todo = work.todo(tasks, retry_failed=retry_failed)
        work.check(tasks, todo)
        pool = _pool(engine, jobs, len(todo.tasks), stack, address=address, piece=piece)
        extent = show_plan(todo, pool, describe if dry_run else None)
        if dry_run:
            tell([note for task in todo.tasks for note in predict_track_changes(describe(task))])
        else:
            work_through(work, tasks, todo, pool, out=output, frames=extent.frames, quiet=quiet)


def _check_places(places: Sequence[str], engine: Engine) -> None:
    """Refuse addresses where nobody would fetch them."""
    from rimlight.batch import storage
    from rimlight.core.errors import ConfigError

    far = [place for place in places if storage.is_url(place)]
    if far and engine == "local":
        raise ConfigError(
            f"{far[0]} is not on this machine",
            hint="use --engine ray, which needs no cluster: it works on this machine then",
        )
    if any(place.startswith("memory://") for place in far):
        raise ConfigError("memory:// is seen by one process only", hint="use file:// or a path")
    storage.check(far)


def _check_first_of_each_kind(tasks: Sequence[Task], describe: Callable[[Task], RunConfig]) -> None:
    """Find what is wrong with the run once, and before any work, not in every worker."""
    from rimlight.batch.trial import try_parts
    from rimlight.factory.validation import validate_config

    for task in {task.kind: task for task in tasks}.values():
        validate_config(describe(task), check_paths=False)  # these are checked for the whole plan
        try_parts(describe(task))


def _pool(
    engine: Engine, jobs: str, count: int, stack: ExitStack, *, address: str | None, piece: str
) -> Pool:
    """Return what does the work; `stack` closes its connection."""
    from rimlight.batch.capacity import jobs_that_fit

    wanted = _number(jobs)
    if engine == "local":
        from rimlight.batch.local import LocalPool

        return LocalPool(wanted or jobs_that_fit(count))
    from rimlight.batch.cluster import RayPool
    from rimlight.batch.session import connected

    length_s = _seconds(piece)
    stack.enter_context(connected(address, cpus=wanted))
    return RayPool(wanted, piece_s=length_s)


def _number(jobs: str) -> int | None:
    """Return the number of jobs asked for, None for auto."""
    from rimlight.core.errors import ConfigError
    from rimlight.core.options import is_number

    if jobs == "auto":
        return None
    if not is_number(jobs) or int(jobs) < 1:
        raise ConfigError(f"--jobs {jobs!r} must be a number from 1 on, or auto", hint="--jobs 2")
    return int(jobs)


def _seconds(piece: str) -> Fraction:
    from rimlight.core.errors import ConfigError

    try:
        length_s = Fraction(piece)
    except (ValueError, ZeroDivisionError):
        length_s = Fraction(0)
    if length_s <= 0:
        raise ConfigError(f"--piece {piece!r} must be seconds", hint="--piece 60")
    return length_s
