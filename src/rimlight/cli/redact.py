"""`rimlight redact`: faces, people and vehicles covered in photos and films."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
    REPORT,
    SELECTION,
    Audio,
    Codec,
    ConfigFile,
    CoverColor,
    CoverShape,
    CoverStyle,
    Crf,
    DetectorConfidence,
    DryRun,
    Overwrite,
    Preset,
    Quiet,
    RedactModels,
    Rotate,
    Settings,
    Threads,
    Tiles,
    drop_unset,
    make_rotation_keys,
)
from rimlight.core.errors import ConfigError, RimlightError, SinkError, SourceError

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.redaction.inputs import RedactionJob
    from rimlight.redaction.models import RedactionModels
    from rimlight.redaction.report import CheckedResult
    from rimlight.redaction.tracking import Cover


def redact(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A video, an image, or a folder of both."),
    ],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="A video, an image, or a folder.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            metavar="CLASSES",
            help="What is covered: face, person, vehicle, or classes of the model; several with "
            "commas. License plates: vehicle covers them.",
            rich_help_panel=SELECTION,
        ),
    ] = "face",
    model: RedactModels = None,
    shape: CoverShape = None,
    style: CoverStyle = None,
    color: CoverColor = None,
    audio: Audio = None,
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata",
            help="Copy tags, subtitles and cover pictures of a video, which may name place, time "
            "and camera.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write an HTML page: what was found and held, and what a second look finds.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Search INPUT, by any tool, for faces that are visible; write no video. Exit code "
            "1 if there are any.",
            rich_help_panel=REPORT,
        ),
    ] = False,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    overwrite: Overwrite = False,
    confidence: DetectorConfidence = None,
    tiles: Tiles = None,
    threads: Threads = None,
    rotate: Rotate = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Cover faces, people or vehicles in photos and videos.

    A video is searched first: a face is also covered in the frames before and after those in which
    it is detected. If the search fails, nothing is written. Location and camera tags, GPS tracks,
    subtitles and thumbnails are removed.

    rimlight redact holiday.mp4 -o shared.mp4

    rimlight redact photos/ -o shared/ --shape box --style fill

    rimlight redact dashcam.mp4 --what face,person,vehicle -o shared.mp4

    rimlight redact --check shared.mp4 --report check.html
    """
    from rimlight.cli.console import print_notes, print_plan
    from rimlight.factory.object_filter import split_commas
    from rimlight.factory.validation import validate_config
    from rimlight.redaction.inputs import plan_jobs
    from rimlight.redaction.job import build_redaction
    from rimlight.redaction.models import choose_models
    from rimlight.redaction.report import write_report
    from rimlight.sinks.output_paths import check_report
    from rimlight.system.atomic_io import make_folder

    if report:
        check_report(report, overwrite=overwrite)
    if check:
        if output is not None:
            raise ConfigError("--check writes no video", hint="leave out -o, or --check")
        _check_only(source, model or (), report, threads=threads, quiet=quiet)
        return
    if output is None:
        raise ConfigError("there is no output", hint="say where the result goes, with -o")
    models = choose_models(split_commas([what]), model or ())
    runtime = drop_unset({"tiles": tiles, "threads": threads, "confidence": confidence})
    video = {"audio": audio, "codec": codec, "crf": crf, "preset": preset}
    jobs = plan_jobs(source, output)
    runs = [
        build_redaction(
            job,
            models,
            cover=drop_unset({"style": style, "shape": shape, "color": color}),
            video={**video, "private": False if keep_metadata else None},
            overwrite=overwrite,
            source_options=make_rotation_keys(rotate),
            runtime=runtime,
            config=config,
            settings=set_ or (),
        )
        for job in jobs
    ]
    if len(jobs) > 1 and not dry_run:
        make_folder(Path(output))
    for run in runs:
        validate_config(run)
    if dry_run:
        for run in runs:
            print_plan(run)
        return
    if keep_metadata and not all(job.is_film for job in jobs):
        print_notes(["--keep-metadata is for videos: photos lose their metadata"])
    failures: list[RimlightError] = []
    covers = {}
    for job, run in zip(jobs, runs, strict=True):
        with _collect_failure(failures):
            covers[job] = _run_job(job, run, models, runtime, quiet=quiet)
    if report and covers:
        results = [
            _check_result(job.output, found, model or (), failures, threads=threads, quiet=quiet)
            for job, found in covers.items()
        ]
        write_report(report, results)
    _raise_failures(failures)


@contextmanager
def _collect_failure(failures: list[RimlightError]) -> Iterator[None]:
    """Keep the error of one file, which does not stop the other files of a folder."""
    try:
        yield
    except (SourceError, SinkError) as exc:
        failures.append(exc)


def _raise_failures(failures: Sequence[RimlightError]) -> None:
    """Raise the last of the errors, after the others are printed.

    Raises:
        RimlightError: there is one.
    """
    from rimlight.cli.console import console

    for exc in failures[:-1]:
        console.print(f"error: {exc}", markup=False, soft_wrap=True)
    if failures:
        raise failures[-1]


def _run_job(
    job: RedactionJob,
    run: RunConfig,
    models: RedactionModels,
    runtime: dict[str, Any],
    *,
    quiet: bool,
) -> list[list[Cover]] | None:
    """Search a film, then cover what was found; cover images as they are read.

    Returns:
        What is covered in each frame of a film; None for images.
    """
    from rimlight.cli.console import format_source_name, run_with_progress
    from rimlight.redaction.covers import cover_film
    from rimlight.redaction.job import (
        make_film_opener,
        make_image_opener,
        make_search,
        open_search,
    )
    from rimlight.redaction.models import SEARCH_CONFIDENCE

    label = format_source_name(job.source)
    if not (job.is_film and models.detectors):
        opener = make_image_opener(models, runtime)
        run_with_progress(run, label=label, quiet=quiet, open_model=opener)
        return None
    search = open_search(models, {"confidence": SEARCH_CONFIDENCE, **runtime})
    run_with_progress(
        make_search(run),
        label=f"search {label}",
        quiet=quiet,
        is_search=True,
        open_model=lambda part, size: search,
    )
    covers = cover_film(search.found)
    opener = make_film_opener(models, covers)
    run_with_progress(run, label=f"cover {label}", quiet=quiet, open_model=opener)
    return list(covers.values())


def _check_only(
    source: str, models: Sequence[str], report: Path | None, *, threads: int | None, quiet: bool
) -> None:
    """Search a film or photos, or all of a folder, for what is visible.

    Raises:
        RimlightError: a film or a photo cannot be read; all others were searched.
        typer.Exit: there is something (exit code 1).
    """
    from rimlight.redaction.inputs import list_searched
    from rimlight.redaction.report import write_report

    failures: list[RimlightError] = []
    results = [
        _check_result(path, None, models, failures, threads=threads, quiet=quiet)
        for path in list_searched(source)
    ]
    if report and any(result.check.counts for result in results):
        write_report(report, results)
    _raise_failures(failures)
    if any(result.check.visible_frames for result in results):
        raise typer.Exit(1)


def _check_result(
    path: str,
    covers: list[list[Cover]] | None,
    models: Sequence[str],
    failures: list[RimlightError],
    *,
    threads: int | None,
    quiet: bool,
) -> CheckedResult:
    """Take a second look at a result and print what it finds; an error goes to `failures`."""
    from rimlight.cli.console import console, format_source_name, run_with_progress
    from rimlight.redaction.check import CheckSegmenter, open_looks
    from rimlight.redaction.job import build_check
    from rimlight.redaction.report import CheckedResult, format_check

    name = format_source_name(path)
    checker = CheckSegmenter(open_looks(models, threads=threads))
    with _collect_failure(failures):
        run_with_progress(
            build_check(path),
            label=f"check {name}",
            quiet=quiet,
            is_search=True,
            open_model=lambda part, size: checker,
        )
    if checker.result.counts and not quiet:
        console.print(format_check(name, checker.result), soft_wrap=True)
    return CheckedResult(name, covers, checker.result)
