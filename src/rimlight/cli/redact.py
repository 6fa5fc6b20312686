"""`rimlight redact`: faces, people and vehicles covered in photos and films."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
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

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.redaction.inputs import RedactionJob
    from rimlight.redaction.models import RedactionModels


def redact(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A video, an image, or a folder of both."),
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="A video, an image, or a folder.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
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
    """
    from rimlight.cli.console import print_plan
    from rimlight.factory.object_filter import split_commas
    from rimlight.factory.validation import validate_config
    from rimlight.redaction.inputs import plan_jobs
    from rimlight.redaction.job import build_redaction
    from rimlight.redaction.models import choose_models
    from rimlight.system.atomic_io import make_folder

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
    for job, run in zip(jobs, runs, strict=True):
        if dry_run:
            print_plan(run)
        else:
            _run_job(job, run, models, runtime, quiet=quiet)


def _run_job(
    job: RedactionJob,
    run: RunConfig,
    models: RedactionModels,
    runtime: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    """Search a film, then cover what was found; cover images as they are read."""
    from rimlight.cli.console import format_source_name, run_with_progress
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
        return
    search = open_search(models, {"confidence": SEARCH_CONFIDENCE, **runtime})
    run_with_progress(
        make_search(run),
        label=f"search {label}",
        quiet=quiet,
        is_search=True,
        open_model=lambda part, size: search,
    )
    opener = make_film_opener(models, search.found)
    run_with_progress(run, label=f"cover {label}", quiet=quiet, open_model=opener)
