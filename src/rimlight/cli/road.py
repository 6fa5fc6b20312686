"""`rimlight road`: classes painted on dashcam footage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from rimlight.pipeline.parts import Refiner
    from rimlight.road.record import DriveRecorder

SHOWN_FROM = 0.001
"""Classes below this share of the picture are not listed."""


def road(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A video, a folder of pictures, a camera or a URL."),
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
    legend: Annotated[bool, typer.Option(help="Name the colours in the picture.")] = True,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Paint road, cars, people and the rest on dashcam footage, and say how much there was.

    rimlight road dashcam.mp4 -o painted.mp4

    rimlight road dashcam.mp4 --model cityscapes --opacity 0.4 -o painted.mp4

    rimlight road dashcam.mp4 --report out/

    rimlight road dashcam.mp4 --redact person,car -o shared.mp4
    """
    from rimlight.choice import choice, words
    from rimlight.cli.run import console, print_plan, run_to_end
    from rimlight.config import PartConfig
    from rimlight.jobs import job_config
    from rimlight.road.shares import ShareTally

    if model is None and config is None and not _says_model(set_ or ()):
        model = _default_model()
        if not quiet:
            console.print(f"model: {model}")
    covered = words(redact)
    said = choice(keep, drop)
    run = job_config(
        "road",
        source=source,
        sinks=output or (["null"] if report else []),
        segmenter=segmenter_keys(model, threads),
        effects=None if output else [],
        refiners=said.refiners,
        options={
            "overlay": {"opacity": opacity, "legend": legend, "classes": said.classes or None}
        },
        config=config,
        settings=set_ or (),
    )
    if covered:
        cover = PartConfig(kind="redact", classes=covered)
        run = run.model_copy(update={"effects": (cover, *run.effects)})
    if dry_run:
        print_plan(run)
        return
    recorder = _recorder(report, rules, pictures=not covered) if report else None
    tally = ShareTally()
    watchers: list[Refiner] = [tally, recorder] if recorder else [tally]
    try:
        run_to_end(run, label=Path(source).name or source, watchers=watchers, quiet=quiet)
    finally:
        if recorder and report:
            recorder.close()
            video = _video(source, output or (), hidden=bool(covered))
            _write_report(recorder, report, title=Path(source).name or source, video=video)
    if not quiet:
        _print_shares(tally.shares)


def _says_model(settings: Sequence[str]) -> bool:
    return any(setting.startswith("segmenter") for setting in settings)


def _default_model() -> str:
    """Return "road", which knows lane marks, where it was imported; else "cityscapes"."""
    from rimlight.catalog.find import Catalog

    catalog = Catalog()
    card = catalog.card("road")
    return "cityscapes" if card.needs or catalog.find(card) is None else "road"


def _recorder(folder: Path, rules: Path | None, *, pictures: bool) -> DriveRecorder:
    from rimlight import resources
    from rimlight.config import read_yaml
    from rimlight.options import validate
    from rimlight.road.record import DriveRecorder
    from rimlight.road.rules import Rules

    path = rules or resources.folder("configs") / "road-rules.yaml"
    wanted = validate(Rules, read_yaml(path), where=str(path))
    return DriveRecorder(folder, wanted.rules, pictures=pictures)


def _write_report(recorder: DriveRecorder, folder: Path, *, title: str, video: Path | None) -> None:
    from rimlight.road.page import write_page

    recorder.write_json(folder / "drive.json")
    write_page(recorder, folder / "index.html", title=title, video=video)


def _video(source: str, outputs: Sequence[str], *, hidden: bool) -> Path | None:
    """Return what the page plays: the painted video, else the drive unless it must be covered."""
    candidates = [*outputs, *(() if hidden else (source,))]
    return next((Path(name) for name in candidates if Path(name).is_file()), None)


def _print_shares(shares: Mapping[str, float]) -> None:
    width = max((len(name) for name in shares), default=0)
    typer.echo("mean share of the picture:")
    for name, share in shares.items():
        if share >= SHOWN_FROM:
            typer.echo(f"  {name:{width}}  {share:6.1%}")
