"""What the flags of `rimlight road` come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rimlight.cli.run import console, name_of, outputs

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.road.ego_path import Trapezoid
    from rimlight.road.recorder import DriveRecorder
    from rimlight.road.timeline import Clip, DriveTimeline


def source_keys(
    source: Sequence[str], files: Sequence[Path], more: dict[str, Any]
) -> dict[str, Any]:
    """Return the source arguments of `build_config`; `more` are options of any kind of source."""
    if [str(file) for file in files] in ([], list(source)[:1]):
        return {"source": source[0], "source_options": more}
    return {"source": "drive", "source_options": {"paths": [str(file) for file in files], **more}}


def title_of(source: Sequence[str]) -> str:
    """Return what to call a drive."""
    return name_of(source[0]) + (f" and {len(source) - 1} more" if source[1:] else "")


def says_model(settings: Sequence[str]) -> bool:
    """Whether one of the user's settings names the model."""
    return any(setting.startswith("segmenter") for setting in settings)


def default_model(asked: Set[str], *, offline: bool, quiet: bool) -> str:
    """Return the best road model that is here; "cityscapes" for what none of them knows."""
    from rimlight.models.catalog import Catalog

    catalog = Catalog()
    wanted = ("road-672x384", "road", "road-lite") if offline else ("road", "road-lite")
    cards = [catalog.card(name) for name in wanted if name in catalog.names()]
    fit = (c for c in cards if not c.needs and catalog.find(c) and asked <= set(c.classes))
    name = next((card.name for card in fit), "cityscapes")
    if not quiet:
        console.print(f"model: {name}")
    return name


def covering(classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the effect that covers some classes; none for none."""
    return [{"kind": "redact", "classes": classes}] if classes else []


def surely_covered(run: RunConfig, classes: tuple[str, ...]) -> RunConfig:
    """Return `run` with classes covered first, whatever the user's settings made of its effects.

    Raises:
        ConfigError: frames do not wait for their masks, so whoever moves would show.
    """
    from rimlight.core.config import ComponentConfig
    from rimlight.core.errors import ConfigError

    if classes and run.pipeline.mask_sync == "latest":
        raise ConfigError(
            "--redact with the newest mask, made of an earlier frame, shows whoever moves",
            hint="leave pipeline.mask_sync at exact",
        )
    kept = {
        name
        for part in run.effects
        if part.kind == "redact"
        for name in part.options.get("classes", ())
    }
    if set(classes) <= kept:
        return run
    cover = [ComponentConfig.model_validate(part) for part in covering(classes)]
    return run.model_copy(update={"effects": (*cover, *run.effects)})


def path_ahead(run: RunConfig, said: str | None) -> Trapezoid:
    """Return the path ahead that the user named, or one guessed where frames can be looked at."""
    from rimlight.road.ego_path import estimate_ego_path, parse_ego_path

    return estimate_ego_path(run) if said is None else parse_ego_path(said)


def outlined(run: RunConfig, path: Trapezoid | None) -> RunConfig:
    """Return `run` with the path ahead outlined wherever classes are painted."""
    effects = tuple(
        part.model_copy(update={"ahead": path}) if part.kind == "overlay" else part
        for part in run.effects
    )
    return run.model_copy(update={"effects": effects})


def journey(
    files: Sequence[Path], gpx: Sequence[Path], offset_s: float, recorded: str | None
) -> DriveTimeline:
    """Return the files of a drive along the time line, and along a track where there is one.

    Raises:
        ConfigError: the track cannot be read, or does not belong to the drive.
        SourceOpenError: not one of the files opens.
    """
    from rimlight.road.gpx import read_tracks
    from rimlight.road.inputs import make_clips
    from rimlight.road.timeline import DriveTimeline

    track = read_tracks(gpx) if gpx else None
    return DriveTimeline(make_clips(files, recorded), track, offset_s=offset_s)


@contextmanager
def reported(
    folder: Path | None,
    run: RunConfig,
    way: DriveTimeline,
    *,
    rules: Path | None,
    ahead: Trapezoid | None,
    title: str,
) -> Iterator[DriveRecorder | None]:
    """Yield what watches the drive for a report, and write that when the block ends.

    A block that breaks off leaves a report of what was seen until then; one that saw nothing
    leaves what was in the folder. No folder or no path ahead: no report.

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
    hidden = any(part.kind == "redact" for part in run.effects)
    starts = [clip.start_s for clip in way.clips]
    recorder = DriveRecorder(folder, events, ego_path=ahead, keep_images=not hidden, starts=starts)
    try:
        yield recorder
    finally:
        recorder.close()
        if recorder.frames:
            way = way.select_clips(recorder.seen_clips)
            videos = _videos(run, way, hidden=hidden)
            palette = read_palette(run.segmenter)
            write_report(recorder, way, title=title, videos=videos, palette=palette)


def results_of(run: RunConfig, report: Path | None) -> str | None:
    """Name where the results of a run are; None where its outputs say it."""
    if report is None:
        return None
    shown = run.model_copy(update={"sinks": [s for s in run.sinks if s.kind != "null"]})
    return ", ".join([*filter(None, [outputs(shown)]), str(report)])


def notes_of(run: RunConfig, way: DriveTimeline, recorded: str | None) -> Iterator[str]:
    """Yield what the user should know before a drive is reported: of videos, clocks and tracks."""
    from rimlight.road.report import find_unplayable_reason
    from rimlight.sources.recording_time import has_zone

    painted = [Path(str(part.options.get("path"))) for part in run.sinks if part.kind == "video"]
    hidden = any(part.kind == "redact" for part in run.effects)
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
    if recorded is not None and not has_zone(recorded):
        yield f"--recorded {recorded} has no zone: it counts as UTC"
    elif recorded is None:
        yield (
            "the clock of the drive counts as UTC; where the camera wrote local time, correct "
            "it with --gpx-offset, in seconds"
        )


def _videos(run: RunConfig, way: DriveTimeline, *, hidden: bool) -> Sequence[Clip]:
    """Return what the page plays: the painted video, else the drive unless it must be covered."""
    from rimlight.road.timeline import Clip

    start_s = way.clips[0].start_s if way.clips else 0.0
    paths = [Path(str(sink.options.get("path"))) for sink in run.sinks if sink.kind == "video"]
    painted = [Clip(path, start_s) for path in paths if path.is_file()]
    return painted[:1] or (() if hidden else way.clips)
