"""`rimlight objects`: single people and things, drawn, cut out, or listed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import (
    ConfigFile,
    Drop,
    DryRun,
    Keep,
    Model,
    Overwrite,
    Quiet,
    Rotate,
    Settings,
    Threads,
    segmenter_keys,
    turn_keys,
)

if TYPE_CHECKING:
    from rimlight.core.protocols import Refiner
    from rimlight.factory.object_filter import ObjectFilter
    from rimlight.offline.object_writers import ObjectTally

MODEL = "yolov8n-seg"


def objects(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A picture, a folder, a video, a camera or a URL."),
    ],
    *,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="Draw boxes, names and scores: a picture, a folder, a video, or window.",
        ),
    ] = None,
    each: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write each object as a trimmed, transparent picture."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write boxes and scores, a line for a frame."),
    ] = None,
    rotate: Rotate = None,
    keep: Keep = None,
    drop: Drop = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="The least score that counts [0.25].")
    ] = None,
    opacity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How strongly objects are painted [0.45].")
    ] = None,
    boxes: Annotated[bool, typer.Option(help="Draw the boxes.")] = True,
    names: Annotated[bool, typer.Option(help="Write class and number beside each box.")] = True,
    scores: Annotated[bool, typer.Option(help="Write the score beside each box.")] = True,
    overwrite: Overwrite = False,
    every: Annotated[int | None, typer.Option(min=1, help="Take one frame in so many.")] = None,
    model: Model = MODEL,
    threads: Threads = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Find single people and things; draw them, cut each out, or list them.

    In a video every object has a number that it keeps from frame to frame.

    rimlight objects street.jpg -o painted.png

    rimlight objects street.jpg --each cutouts/ --keep person,dog

    rimlight objects clip.mp4 -o painted.mp4 --json objects.jsonl
    """
    from rimlight.cli.run import name_of, print_plan, run_to_end
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import build_config, drop_unseen_effects, make_overwrite_options
    from rimlight.offline.object_writers import ObjectTally
    from rimlight.sources import guess

    said = parse_object_filter(keep, drop)
    drawn = {"kind": "boxes", "boxes": boxes, "names": names, "scores": scores}
    run = build_config(
        "road",
        source=source,
        sinks=output or (),
        segmenter={**segmenter_keys(model, threads), **_confidence(confidence)},
        effects=[drawn],
        refiners=_refiners(said, moving=guess(source)["kind"] != "images"),
        options={"boxes": {"opacity": opacity}, **make_overwrite_options(overwrite=overwrite)},
        source_options={"every": every, **turn_keys(rotate)},
        analysis_only=bool(each or json),
        config=config,
        settings=set_ or (),
    )
    run = run if output else drop_unseen_effects(run)
    if dry_run:
        print_plan(run)
        return
    tally = ObjectTally()
    with ExitStack() as stack:
        watchers = [tally, *_watchers(source, each, json, stack, overwrite=overwrite)]
        run_to_end(run, label=name_of(source), watchers=watchers, quiet=quiet)
    if not quiet:
        _print_counts(tally)


def _confidence(least: float | None) -> dict[str, float]:
    return {} if least is None else {"confidence": least}


def _refiners(said: ObjectFilter, *, moving: bool) -> list[dict[str, object]]:
    """Number the objects of what moves, then choose among them."""
    tracks = any(part["kind"] == "track" for part in said.as_refiners)
    tracker = [{"kind": "track"}] if moving and not tracks else []
    return [*tracker, *said.as_refiners]


def _watchers(
    source: str, each: Path | None, json: Path | None, stack: ExitStack, *, overwrite: bool
) -> list[Refiner]:
    """Open what is written beside the drawn picture; `stack` closes it."""
    from rimlight.core.frame import SourceInfo
    from rimlight.offline.object_writers import CutOutWriter, ObjectLog
    from rimlight.sinks.images import ImagesSink
    from rimlight.sinks.paths import check_report

    watchers: list[Refiner] = []
    if each is not None:
        options = ImagesSink.Options(path=each, format="png", overwrite=overwrite)
        watchers.append(CutOutWriter(ImagesSink(options, SourceInfo(source, (1, 1)))))
    if json is not None:
        check_report(json, overwrite=overwrite)
        watchers.append(ObjectLog(json))
    for watcher in watchers:
        stack.callback(watcher.close)
    return watchers


def _print_counts(tally: ObjectTally) -> None:
    width = max((len(name) for name in tally.counts), default=0)
    typer.echo(f"objects in {tally.frames} frames (in one frame at most):")
    for name, (count, most) in tally.counts.items():
        typer.echo(f"  {name:{width}}  {count:6d}  ({most})")
