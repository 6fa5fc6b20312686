"""`rimlight road`: classes painted on dashcam footage, and a report of what the road held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from rimlight.cli import road_flags as flag
from rimlight.cli.flags import (
    Audio,
    ConfigFile,
    Drop,
    DryRun,
    Keep,
    Model,
    Overwrite,
    Private,
    Quiet,
    Rotate,
    Settings,
    Threads,
    segmenter_keys,
    turn_keys,
)

if TYPE_CHECKING:
    from rimlight.core.protocols import Refiner
    from rimlight.road.recorder import DriveRecorder

SHOWN_FROM = 0.001
"""Classes below this share of the picture are not listed."""


def road(
    source: flag.Sources,
    *,
    output: flag.Output = None,
    report: flag.Report = None,
    rules: flag.RulesFile = None,
    gpx: flag.Gpx = None,
    gpx_offset: flag.GpxOffset = 0.0,
    recorded: flag.Recorded = None,
    redact: flag.Redact = None,
    audio: Audio = True,
    private: Private = False,
    rotate: Rotate = None,
    keep: Keep = None,
    drop: Drop = None,
    model: Model = None,
    threads: Threads = None,
    opacity: flag.Opacity = None,
    contours: flag.Contours = False,
    legend: flag.Legend = True,
    ahead: flag.Ahead = None,
    show_ahead: flag.ShowAhead = False,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Paint road, cars, people and the rest on dashcam footage, and say how much there was.

    rimlight road dashcam.mp4 --model road+cityscapes --opacity 0.4 -o painted.mp4

    rimlight road DCIM --report out/ --gpx track.gpx

    rimlight road dashcam.mp4 --redact person,car -o shared.mp4
    """
    from rimlight.cli import road_run as parts
    from rimlight.cli.run import print_plan, run_to_end, tell
    from rimlight.factory.object_filter import parse_object_filter, split_commas
    from rimlight.factory.presets import build_config, drop_unseen_effects, make_overwrite_options
    from rimlight.road.frame_metrics import ClassCoverage
    from rimlight.road.inputs import find_videos
    from rimlight.road.report import FILES
    from rimlight.sinks.paths import check_can_be_folder, check_reports

    if report:
        check_can_be_folder(report)
        check_reports(report, FILES, overwrite=overwrite)
    flag.check_used(report, {"--gpx": gpx, "--rules": rules, "--recorded": recorded})
    flag.check_used(report or show_ahead, {"--ahead": ahead})
    footage, title = find_videos(source), parts.title_of(source)
    files = footage.files
    covered, said = split_commas(redact), parse_object_filter(keep, drop)
    flag.check_covered(covered, said)
    if model is None and config is None and not parts.says_model(set_ or ()):
        model = parts.default_model({*covered, *said.classes}, offline=bool(files), quiet=quiet)
    painted = {"opacity": opacity, "legend": legend, "contours": contours or None}
    replaced = make_overwrite_options(overwrite=overwrite)
    run = build_config(
        "road",
        **parts.source_keys(source, files, turn_keys(rotate)),
        sinks=output or (),
        segmenter=segmenter_keys(model, threads),
        prepend_effects=parts.covering(covered),
        refiners=said.refiners,
        options={
            "overlay": painted | {"classes": said.classes or None},
            **replaced,
            "video": {
                **replaced["video"],
                "audio": None if audio else False,
                "private": private or None,
            },
        },
        analysis_only=report is not None,
        config=config,
        settings=set_ or (),
    )
    run = parts.surely_covered(run if output else drop_unseen_effects(run), covered)
    way = parts.journey(files if report else (), gpx or (), gpx_offset, recorded)
    path = parts.path_ahead(run, ahead) if report or show_ahead else None
    run = parts.outlined(run, path) if show_ahead else run
    if dry_run:
        print_plan(run)
        return
    tell((*footage.notes, *(parts.notes_of(run, way, recorded) if report else ())))
    tally = ClassCoverage()
    with parts.reported(report, run, way, rules=rules, ahead=path, title=title) as recorder:
        watchers: list[Refiner] = [tally, recorder] if recorder else [tally]
        run_to_end(
            run, label=title, watchers=watchers, quiet=quiet, place=parts.results_of(run, report)
        )
    if not quiet:
        _print_shares(tally.shares, recorder)


def _print_shares(shares: Mapping[str, float], recorder: DriveRecorder | None) -> None:
    width = max((len(name) for name in shares), default=0)
    typer.echo("mean share of the picture:")
    for name, share in shares.items():
        if share >= SHOWN_FROM:
            typer.echo(f"  {name:{width}}  {share:6.1%}")
    if recorder and (unsure := recorder.unsure_seconds):
        seconds = len(recorder.seconds)
        typer.echo(f"not sure in {unsure} of {seconds} seconds: night, rain or glare")
