"""`rimlight road`: classes painted on dashcam footage, and a report of the drive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.console import console, format_source_name, list_outputs
from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
    REPORT,
    Audio,
    ConfigFile,
    Contours,
    Device,
    DryRun,
    Exclude,
    Keep,
    Legend,
    Model,
    Opacity,
    Overwrite,
    Private,
    Quiet,
    Redact,
    Rotate,
    Settings,
    Threads,
    make_rotation_keys,
    make_segmenter_keys,
)
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.core.protocols import Refiner
    from rimlight.factory.object_filter import ObjectFilter
    from rimlight.road.ego_path import Trapezoid
    from rimlight.road.recorder import DriveRecorder
    from rimlight.road.timeline import Clip, DriveTimeline

SHOWN_FROM = 0.001
"""Classes below this share of the frame are not listed."""


def road(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="A video, a folder of images or videos, a glob, a camera or a URL. Several "
            "videos are joined in time; of several cameras the front one is used.",
        ),
    ],
    *,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="A video, a folder for images, or window; may be repeated.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    opacity: Opacity = None,
    contours: Contours = False,
    legend: Legend = True,
    show_ego_path: Annotated[
        bool,
        typer.Option(
            "--show-ego-path",
            help="Outline the path ahead in the frame.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    audio: Audio = None,
    private: Private = False,
    overwrite: Overwrite = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write a report: HTML page, CSV and JSON.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Definitions of the events (default: configs/road-rules.yaml).",
            rich_help_panel=REPORT,
        ),
    ] = None,
    gpx: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A GPS track (GPX) that locates the events; times without a zone count as UTC. "
            "May be repeated.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    gpx_offset: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Added to the clock of the camera to match --gpx.",
            rich_help_panel=REPORT,
        ),
    ] = 0.0,
    start_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the first frame was recorded (ISO 8601, UTC without a zone), if no file "
            "says so.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    ego_path: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="The path ahead: left, right, height of its near edge, then of its far edge "
            "(default: estimated).",
            rich_help_panel=REPORT,
        ),
    ] = None,
    keep: Keep = None,
    exclude: Exclude = None,
    redact: Redact = None,
    model: Model = None,
    threads: Threads = None,
    device: Device = None,
    rotate: Rotate = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Paint classes on dashcam footage and report on the drive.

    rimlight road dashcam.mp4 --model road+cityscapes --opacity 0.4 -o painted.mp4

    rimlight road DCIM --report out/ --gpx track.gpx

    rimlight road dashcam.mp4 --redact person,car -o shared.mp4
    """
    from rimlight.cli.console import print_notes, print_plan, run_with_progress
    from rimlight.factory.object_filter import parse_object_filter, split_commas
    from rimlight.factory.presets import build_config, drop_unseen_effects, make_overwrite_options
    from rimlight.road.frame_metrics import ClassCoverage
    from rimlight.road.inputs import find_videos
    from rimlight.road.report import FILES
    from rimlight.sinks.output_paths import check_can_be_folder, check_reports

    if report:
        check_can_be_folder(report)
        check_reports(report, FILES, overwrite=overwrite)
    _check_used(report, {"--gpx": gpx, "--rules": rules, "--start-time": start_time})
    _check_used(report or show_ego_path, {"--ego-path": ego_path})
    footage, title = find_videos(source), make_title(source)
    files = footage.files
    covered, selection = split_commas(redact), parse_object_filter(keep, exclude)
    _check_redaction(covered, selection)
    if model is None and config is None and not _sets_model(set_ or ()):
        model = _find_default_model(
            {*covered, *selection.classes}, offline=bool(files), quiet=quiet
        )
    painted = {"opacity": opacity, "legend": legend, "contours": contours or None}
    replaced = make_overwrite_options(overwrite=overwrite)
    run = build_config(
        "road",
        **_make_source_keys(source, files, make_rotation_keys(rotate)),
        sinks=output or (),
        segmenter=make_segmenter_keys(model, threads, device),
        prepend_effects=_make_redaction(covered),
        refiners=selection.refiners,
        options={
            "overlay": painted | {"classes": selection.classes or None},
            **replaced,
            "video": {
                **replaced["video"],
                "audio": audio,
                "private": private or None,
            },
        },
        analysis_only=report is not None,
        config=config,
        settings=set_ or (),
    )
    run = _ensure_redaction(run if output else drop_unseen_effects(run), covered)
    way = _open_journey(files if report else (), gpx or (), gpx_offset, start_time)
    path = _find_ego_path(run, ego_path) if report or show_ego_path else None
    run = _outline_path(run, path) if show_ego_path else run
    if dry_run:
        print_plan(run)
        return
    print_notes((*footage.notes, *(_list_notes(run, way, start_time) if report else ())))
    tally = ClassCoverage()
    with _write_report_on_exit(report, run, way, rules=rules, ahead=path, title=title) as recorder:
        observers: list[Refiner] = [tally, recorder] if recorder else [tally]
        run_with_progress(
            run, label=title, observers=observers, quiet=quiet, results=_list_results(run, report)
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


def _check_used(user: object, flags: Mapping[str, object]) -> None:
    """Refuse flags that have no effect without a report.

    Args:
        user: what uses them; false if nothing does.
        flags: flag -> its value; None if it was not given.

    Raises:
        ConfigError: a flag was given that nothing uses.
    """
    for flag, value in flags.items():
        if value is not None and not user:
            raise ConfigError(f"{flag} needs a report", hint="add --report FOLDER")


def _check_redaction(covered: tuple[str, ...], selection: ObjectFilter) -> None:
    """Refuse a selection that would leave a redacted class visible.

    Raises:
        ConfigError: the selection removes some of the redacted pixels from the mask.
    """
    if covered and selection.refiners:
        raise ConfigError(
            "--redact covers all objects of a class, and this selection would omit some",
            hint="choose the painted classes with --keep: --keep road,mark",
        )


def _make_source_keys(
    source: Sequence[str], files: Sequence[Path], more: dict[str, Any]
) -> dict[str, Any]:
    """Return the keyword arguments of `build_config` for a source with the options `more`."""
    if [str(file) for file in files] in ([], list(source)[:1]):
        return {"source": source[0], "source_options": more}
    return {"source": "concat", "source_options": {"paths": [str(file) for file in files], **more}}


def make_title(source: Sequence[str]) -> str:
    """Return the title of a drive."""
    return format_source_name(source[0]) + (f" and {len(source) - 1} more" if source[1:] else "")


def _sets_model(settings: Sequence[str]) -> bool:
    """Return True if one of the settings chooses the model."""
    return any(setting.startswith("segmenter") for setting in settings)


def _find_default_model(classes: Set[str], *, offline: bool, quiet: bool) -> str:
    """Return the best installed road model; "cityscapes" for classes that none of them has."""
    from rimlight.models.catalog import Catalog

    catalog = Catalog()
    names = ("road-672x384", "road", "road-lite") if offline else ("road", "road-lite")
    cards = [catalog.find_card(name) for name in names if name in catalog.list_names()]
    fit = (c for c in cards if not c.needs and catalog.find_files(c) and classes <= set(c.classes))
    name = next((card.name for card in fit), "cityscapes")
    if not quiet:
        console.print(f"model: {name}")
    return name


def _make_redaction(classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the effects that redact classes; none for no classes."""
    return [{"kind": "redact", "classes": classes}] if classes else []


def _ensure_redaction(run: RunConfig, classes: tuple[str, ...]) -> RunConfig:
    """Return `run` with classes redacted first, even if the settings replaced its effects.

    Raises:
        ConfigError: frames do not wait for their masks, so moving people would be visible.
    """
    from rimlight.core.config import EffectConfig

    if classes and run.pipeline.mask_sync == "latest":
        raise ConfigError(
            "--redact needs the mask of each frame; the newest mask would show moving people",
            hint="keep pipeline.mask_sync at exact",
        )
    kept = {name for part in run.effects if part.kind == "redact" for name in part.options.classes}
    if set(classes) <= kept:
        return run
    cover = [EffectConfig.model_validate(part) for part in _make_redaction(classes)]
    return run.model_copy(update={"effects": (*cover, *run.effects)})


def _find_ego_path(run: RunConfig, text: str | None) -> Trapezoid:
    """Return the path ahead that the user gave, or an estimate."""
    from rimlight.road.ego_path import estimate_ego_path, parse_ego_path

    return estimate_ego_path(run) if text is None else parse_ego_path(text)


def _outline_path(run: RunConfig, path: Trapezoid | None) -> RunConfig:
    """Return `run` with the path ahead outlined in every overlay."""
    effects = tuple(
        part.model_copy(update={"ego_path": path}) if part.kind == "overlay" else part
        for part in run.effects
    )
    return run.model_copy(update={"effects": effects})


def _open_journey(
    files: Sequence[Path], gpx: Sequence[Path], offset_s: float, start_time: str | None
) -> DriveTimeline:
    """Return the files of a drive on a time line, with its GPS track if there is one.

    Raises:
        ConfigError: the track cannot be read, or does not belong to the drive.
        SourceOpenError: not one of the files opens.
    """
    from rimlight.road.gpx import read_tracks
    from rimlight.road.inputs import make_clips
    from rimlight.road.timeline import DriveTimeline

    track = read_tracks(gpx) if gpx else None
    return DriveTimeline(make_clips(files, start_time), track, offset_s=offset_s)


@contextmanager
def _write_report_on_exit(
    folder: Path | None,
    run: RunConfig,
    way: DriveTimeline,
    *,
    rules: Path | None,
    ahead: Trapezoid | None,
    title: str,
) -> Iterator[DriveRecorder | None]:
    """Yield the recorder of a drive, and write its report when the block ends.

    An interrupted block writes a report of what was recorded until then; one that recorded
    nothing writes none. Without a folder or a path ahead there is no report.

    Raises:
        ConfigError: the rules cannot be read.
        SinkError: the report cannot be written.
    """
    if folder is None or ahead is None:
        yield None
        return
    from rimlight.factory.segmenter import read_palette
    from rimlight.road.recorder import DriveRecorder
    from rimlight.road.report import read_rules, write_report
    from rimlight.system import app_paths

    events = read_rules(rules or app_paths.find_data_folder("configs") / "road-rules.yaml")
    hidden = any(effect.component_class.redacts for effect in run.effects)
    starts = [clip.start_s for clip in way.clips]
    recorder = DriveRecorder(folder, events, ego_path=ahead, keep_images=not hidden, starts=starts)
    try:
        yield recorder
    finally:
        recorder.close()
        if recorder.frames:
            way = way.select_clips(recorder.seen_clips)
            videos = _list_videos(run, way, hidden=hidden)
            palette = read_palette(run.segmenter)
            write_report(recorder, way, title=title, videos=videos, palette=palette)


def _list_results(run: RunConfig, report: Path | None) -> str | None:
    """Return where the results of a run are; None if its outputs say so."""
    if report is None:
        return None
    shown = run.model_copy(update={"sinks": [s for s in run.sinks if s.kind != "null"]})
    return ", ".join([*filter(None, [list_outputs(shown)]), str(report)])


def _list_notes(run: RunConfig, way: DriveTimeline, start_time: str | None) -> Iterator[str]:
    """Yield notes on the videos, clocks and tracks of a drive."""
    from rimlight.road.report import find_unplayable_reason
    from rimlight.sources.recording_time import has_zone

    painted = [sink.path for sink in run.sinks if sink.kind == "video" and sink.path]
    hidden = any(effect.component_class.redacts for effect in run.effects)
    shown = [(path, "", "") for path in painted[:1]] or [
        (clip.path, clip.codec, clip.pix_fmt) for clip in (() if hidden else way.clips)
    ]
    if odd := [
        (path.name, why) for path, *about in shown if (why := find_unplayable_reason(path, *about))
    ]:
        more = f" (and {len(odd) - 1} more)" if odd[1:] else ""
        yield (
            f"most browsers do not play {odd[0][1]}, so the page may not show {odd[0][0]}{more}; "
            "a run with -o painted.mp4 makes a video that it can show"
        )
    if way.track is None:
        return
    yield from way.track.notes
    if start_time is not None and not has_zone(start_time):
        yield f"--start-time {start_time} has no zone: it counts as UTC"
    elif start_time is None:
        yield (
            "the clock of the drive counts as UTC; where the camera wrote local time, correct "
            "it with --gpx-offset, in seconds"
        )


def _list_videos(run: RunConfig, way: DriveTimeline, *, hidden: bool) -> Sequence[Clip]:
    """Return what the page plays: the painted video, else the drive unless it is redacted."""
    from rimlight.road.timeline import Clip

    start_s = way.clips[0].start_s if way.clips else 0.0
    paths = [sink.path for sink in run.sinks if sink.kind == "video" and sink.path]
    painted = [Clip(path, start_s) for path in paths if path.is_file()]
    return painted[:1] or (() if hidden else way.clips)
