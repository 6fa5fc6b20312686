"""`rimlight road`: classes painted on dashcam footage, and a report of what the road held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import (
    ConfigFile,
    Drop,
    DryRun,
    Keep,
    Model,
    Quiet,
    Settings,
    Threads,
    segmenter_keys,
)

if TYPE_CHECKING:
    from rimlight.config import RunConfig
    from rimlight.pipeline.parts import Refiner
    from rimlight.road.ahead import Trapezoid
    from rimlight.road.places import Clip, Journey
    from rimlight.road.report import DriveReport

SHOWN_FROM = 0.001
"""Classes below this share of the picture are not listed."""


def road(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="A video, a folder of pictures or of videos, a camera or a URL. Several videos "
            "are joined in time.",
        ),
    ],
    *,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output", "-o", metavar="OUTPUT", help="A video, a folder for pictures, or window."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a report: HTML page, CSV and JSON."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="What is an event, instead of configs/road-rules.yaml.")
    ] = None,
    gpx: Annotated[
        Path | None, typer.Option(help="A GPS track: the report says where; events.geojson.")
    ] = None,
    gpx_offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="Added to the camera's clock.")
    ] = 0.0,
    recorded: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the first frame was taken, if no file says."),
    ] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option(help="Classes made unrecognisable (person,car), with a memory for misses."),
    ] = None,
    keep: Keep = None,
    drop: Drop = None,
    model: Model = None,
    threads: Threads = None,
    opacity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How strongly classes are painted.")
    ] = None,
    contours: Annotated[bool, typer.Option("--contours", help="Outline each class.")] = False,
    legend: Annotated[bool, typer.Option(help="Name the colours in the picture.")] = True,
    ahead: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="The path ahead: left, right, height of its near edge, then of its far one; "
            "guessed otherwise.",
        ),
    ] = None,
    show_ahead: Annotated[
        bool, typer.Option("--show-ahead", help="Outline the path ahead in the picture.")
    ] = False,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Paint road, cars, people and the rest on dashcam footage, and say how much there was.

    rimlight road dashcam.mp4 --model road+cityscapes --opacity 0.4 -o painted.mp4

    rimlight road DCIM/*.mp4 --report out/ --gpx track.gpx

    rimlight road dashcam.mp4 --redact person,car -o shared.mp4
    """
    from rimlight.choice import choice, words
    from rimlight.cli.run import console, print_plan, run_to_end
    from rimlight.errors import ConfigError
    from rimlight.jobs import job_config
    from rimlight.road.inputs import video_files
    from rimlight.road.shares import ShareTally

    files = video_files(source)
    covered, said = words(redact), choice(keep, drop)
    if model is None and config is None and not _says_model(set_ or ()):
        model = _default_model({*covered, *said.classes}, offline=bool(files))
        if not quiet:
            console.print(f"model: {model}")
    painted = {"opacity": opacity, "legend": legend, "classes": said.classes or None}
    run = job_config(
        "road",
        **_source(source, files),
        sinks=output or (["null"] if report else []),
        segmenter=segmenter_keys(model, threads),
        effects=None if output else [],
        refiners=said.refiners,
        options={"overlay": painted | {"contours": contours or None}},
        config=config,
        settings=set_ or (),
    )
    path = _path_ahead(run, ahead) if report or show_ahead else None
    run = _with_effects(run, covered, path if show_ahead else None)
    if gpx and not report:
        raise ConfigError("--gpx says where events were", hint="add --report FOLDER")
    journey = _journey(files if report else (), gpx, gpx_offset, recorded)
    if dry_run:
        print_plan(run)
        return
    title = Path(source[0]).name + (f" and {len(source) - 1} more" if source[1:] else "")
    drive = _open_report(report, run, journey, rules=rules, ahead=path, title=title)
    tally = ShareTally()
    watchers: list[Refiner] = [tally, drive.recorder] if drive else [tally]
    try:
        run_to_end(run, label=title, watchers=watchers, quiet=quiet)
    finally:
        if drive:
            drive.close(_videos(journey, output or (), hidden=bool(covered)))
    if not quiet:
        _print_shares(tally.shares, drive)


def _source(source: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    """Return how `job_config` is told of the source."""
    if [str(file) for file in files] in ([], list(source)[:1]):
        return {"source": source[0]}
    return {"source": "drive", "source_options": {"paths": [str(file) for file in files]}}


def _says_model(settings: Sequence[str]) -> bool:
    return any(setting.startswith("segmenter") for setting in settings)


def _default_model(asked: Set[str], *, offline: bool) -> str:
    """Return the best road model that is here; "cityscapes" for what none of them knows."""
    from rimlight.catalog.find import Catalog

    catalog = Catalog()
    wanted = ("road-672x384", "road", "road-lite") if offline else ("road", "road-lite")
    for name in (name for name in wanted if name in catalog.names()):
        card = catalog.card(name)
        if not card.needs and catalog.find(card) and asked <= set(card.classes):
            return name
    return "cityscapes"


def _path_ahead(run: RunConfig, said: str | None) -> Trapezoid:
    """Return the path ahead that the user named, or one guessed where frames can be looked at."""
    from rimlight.road.ahead import look_ahead, parse_ahead

    return look_ahead(run) if said is None else parse_ahead(said)


def _with_effects(run: RunConfig, covered: tuple[str, ...], path: Trapezoid | None) -> RunConfig:
    """Return `run` with what must not be seen covered first, and the path ahead outlined."""
    from rimlight.config import PartConfig

    effects = [
        part.model_copy(update={"ahead": path}) if path and part.kind == "overlay" else part
        for part in run.effects
    ]
    if covered:
        effects.insert(0, PartConfig.model_validate({"kind": "redact", "classes": covered}))
    return run.model_copy(update={"effects": tuple(effects)})


def _journey(
    files: Sequence[Path], gpx: Path | None, offset_s: float, recorded: str | None
) -> Journey:
    from rimlight.road.gpx import read_gpx
    from rimlight.road.inputs import clips_of
    from rimlight.road.places import Journey

    track = read_gpx(gpx) if gpx else None
    return Journey(clips_of(files, recorded), track, offset_s=offset_s)


def _open_report(
    folder: Path | None,
    run: RunConfig,
    journey: Journey,
    *,
    rules: Path | None,
    ahead: Trapezoid | None,
    title: str,
) -> DriveReport | None:
    if folder is None or ahead is None:
        return None
    from rimlight import resources
    from rimlight.models import palette_of
    from rimlight.road.report import DriveReport, read_rules

    return DriveReport(
        folder,
        title=title,
        rules=read_rules(rules or resources.folder("configs") / "road-rules.yaml"),
        ahead=ahead,
        journey=journey,
        palette=palette_of(run.segmenter),
        pictures=not any(part.kind == "redact" for part in run.effects),
    )


def _videos(journey: Journey, outputs: Sequence[str], *, hidden: bool) -> Sequence[Clip]:
    """Return what the page plays: the painted video, else the drive unless it must be covered."""
    from rimlight.road.places import Clip

    start_s = journey.clips[0].start_s if journey.clips else 0.0
    painted = [Clip(Path(name), start_s) for name in outputs if Path(name).is_file()]
    return painted[:1] or (() if hidden else journey.clips)


def _print_shares(shares: Mapping[str, float], drive: DriveReport | None) -> None:
    width = max((len(name) for name in shares), default=0)
    typer.echo("mean share of the picture:")
    for name, share in shares.items():
        if share >= SHOWN_FROM:
            typer.echo(f"  {name:{width}}  {share:6.1%}")
    if drive and (unsure := drive.recorder.unsure_seconds):
        seconds = len(drive.recorder.seconds)
        typer.echo(f"not sure in {unsure} of {seconds} seconds: night, rain or glare")
