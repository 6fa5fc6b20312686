"""`rimlight objects`: single people and things, drawn, cut out or listed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
    Boxes,
    BoxOpacity,
    Confidence,
    ConfigFile,
    Device,
    DryRun,
    Exclude,
    Keep,
    Model,
    Names,
    Overwrite,
    Quiet,
    Rotate,
    Scores,
    Settings,
    Stride,
    Threads,
    drop_unset,
    make_rotation_keys,
    make_segmenter_keys,
)

if TYPE_CHECKING:
    from rimlight.core.protocols import Refiner
    from rimlight.factory.object_filter import ObjectFilter
    from rimlight.offline.objects import ObjectCounter

MODEL = "yolov8n-seg"


def objects(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="An image, a folder, a video, a camera or a URL."),
    ],
    *,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="Draw boxes, names and scores into an image, a folder, a video or a window.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    cutouts: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write each object as a trimmed, transparent image.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write boxes and scores, one line of JSON per frame.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    opacity: BoxOpacity = None,
    boxes: Boxes = True,
    names: Names = True,
    scores: Scores = True,
    overwrite: Overwrite = False,
    keep: Keep = None,
    exclude: Exclude = None,
    model: Model = MODEL,
    confidence: Confidence = None,
    threads: Threads = None,
    device: Device = None,
    stride: Stride = None,
    rotate: Rotate = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Draw, cut out or list single people and things.

    In a video each object keeps its number from frame to frame.

    rimlight objects street.jpg -o painted.png

    rimlight objects street.jpg --cutouts cutouts/ --keep person,dog

    rimlight objects clip.mp4 -o painted.mp4 --json objects.jsonl
    """
    from rimlight.cli.console import format_source_name, print_plan, run_with_progress
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import build_config, drop_unseen_effects, make_overwrite_options
    from rimlight.offline.objects import ObjectCounter
    from rimlight.sources import guess_source

    selection = parse_object_filter(keep, exclude)
    drawn = {"kind": "boxes", "boxes": boxes, "names": names, "scores": scores}
    run = build_config(
        "road",
        source=source,
        sinks=output or (),
        segmenter={
            **make_segmenter_keys(model, threads, device),
            **drop_unset({"confidence": confidence}),
        },
        effects=[drawn],
        refiners=_make_refiners(selection, moving=guess_source(source)["kind"] != "images"),
        options={"boxes": {"opacity": opacity}, **make_overwrite_options(overwrite=overwrite)},
        source_options={"stride": stride, **make_rotation_keys(rotate)},
        analysis_only=bool(cutouts or json),
        config=config,
        settings=set_ or (),
    )
    run = run if output else drop_unseen_effects(run)
    if dry_run:
        print_plan(run)
        return
    counter = ObjectCounter()
    with ExitStack() as stack:
        observers = [counter, *_open_observers(source, cutouts, json, stack, overwrite=overwrite)]
        run_with_progress(run, label=format_source_name(source), observers=observers, quiet=quiet)
    if not quiet:
        _print_counts(counter)


def _make_refiners(selection: ObjectFilter, *, moving: bool) -> list[dict[str, object]]:
    """Return the refiners that track objects, if the input moves, and select some."""
    tracks = any(part["kind"] == "track" for part in selection.as_refiners)
    tracker = [{"kind": "track"}] if moving and not tracks else []
    return [*tracker, *selection.as_refiners]


def _open_observers(
    source: str, cutouts: Path | None, json: Path | None, stack: ExitStack, *, overwrite: bool
) -> list[Refiner]:
    """Open the other writers; `stack` closes them."""
    from rimlight.core.frame import SourceInfo
    from rimlight.offline.objects import CutoutWriter, ObjectLog
    from rimlight.sinks.images import ImagesSink
    from rimlight.sinks.output_paths import check_report

    observers: list[Refiner] = []
    if cutouts is not None:
        options = ImagesSink.Options(path=cutouts, format="png", overwrite=overwrite)
        observers.append(CutoutWriter(ImagesSink(options, SourceInfo(source, (1, 1)))))
    if json is not None:
        check_report(json, overwrite=overwrite)
        observers.append(ObjectLog(json))
    for observer in observers:
        stack.callback(observer.close)
    return observers


def _print_counts(counter: ObjectCounter) -> None:
    width = max((len(name) for name in counter.counts), default=0)
    typer.echo(f"objects in {counter.frames} frames (in one frame at most):")
    for name, (count, maximum) in counter.counts.items():
        typer.echo(f"  {name:{width}}  {count:6d}  ({maximum})")
