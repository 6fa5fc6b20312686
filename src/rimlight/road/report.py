"""Writes the report of a drive: a folder with a page, the figures and a map."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rimlight.core.config import read_yaml
from rimlight.core.interchange import to_json
from rimlight.core.options import validate
from rimlight.imaging.palette import UNPAINTED_CLASSES, assign_class_colors
from rimlight.reporting.pages import file_href, render_page
from rimlight.road.recorder import UNSURE_ENTROPY, DriveRecorder
from rimlight.road.rules import Event, Rule, Rules
from rimlight.road.timeline import Clip, DriveTimeline, write_geojson
from rimlight.system.atomic_io import MADE_BY, write_text

FILES = ("frames.csv", "drive.json", "index.html", "events.geojson")
"""The files of a report."""

_TEMPLATE = Path(__file__).with_name("drive.html")
_PLOTS = (
    ("drivable", "Drivable share of the ego path", 1.0),
    ("marks", "Lane marks, as a share of road and marks", 0.0),
    ("path.person", "People in the ego path", 0.0),
    ("count.car", "Cars", 0.0),
    ("count.person", "People", 0.0),
    ("unsure", "Uncertainty of the model (mean entropy)", 0.5),
)
"""Series, heading, and the lower bound of the top of the axis."""
_MIN_VISIBLE = 0.005
"""A class whose share is below this in every second is not plotted."""

# Containers, codecs and pixel formats that most browsers play.
_CONTAINERS = frozenset({".mp4", ".m4v", ".mov", ".webm"})
_CODECS = frozenset({"h264", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9"})
_H264_FORMATS = frozenset({"", "yuv420p", "yuvj420p"})


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read the rules that define events from a YAML file.

    Raises:
        ConfigError: it cannot be read or a key is wrong.
    """
    return validate(Rules, read_yaml(path), where=str(path)).rules


def write_report(
    recorder: DriveRecorder,
    timeline: DriveTimeline,
    *,
    title: str,
    videos: Sequence[Clip] = (),
    palette: Mapping[str, str] | None = None,
) -> None:
    """Write drive.json, index.html and, if there is a track, events.geojson.

    They go to the recorder's folder, next to frames.csv.

    Args:
        recorder: the recorded drive; closed.
        timeline: the files of the drive and its track.
        title: the heading of the page.
        videos: the clips that the page plays, one after the other.
        palette: colors of classes that replace the default ones.

    Raises:
        SinkError: a file cannot be written.
    """
    folder, data = recorder.folder, recorder.to_dict()
    data["events"] = [event | timeline.describe_moment(event["peak_s"]) for event in data["events"]]
    data["files"] = [
        {"start_s": clip.start_s, "gap_s": clip.gap_s} | timeline.describe_moment(clip.start_s)
        for clip in timeline.clips
    ]
    write_text(folder / "drive.json", to_json(MADE_BY | data, indent=1))
    page = render_report(recorder, timeline, title=title, videos=videos, palette=palette)
    write_text(folder / "index.html", page)
    if timeline.track is not None:
        write_geojson(folder / "events.geojson", recorder.sorted_events, recorder.seconds, timeline)


def render_report(
    recorder: DriveRecorder,
    timeline: DriveTimeline,
    *,
    title: str,
    videos: Sequence[Clip] = (),
    palette: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a drive, which names videos relative to the recorder's folder."""
    seconds = recorder.seconds if timeline.track else ()
    data = recorder.to_dict() | {
        "stack": _select_classes(recorder, palette or {}),
        "videos": [[_relative_href(clip.path, recorder.folder), clip.start_s] for clip in videos],
        "track": [timeline.find_position(second) for second in seconds],
    }
    events = sorted(recorder.events, key=lambda item: item[0].start_s)
    return render_page(
        _TEMPLATE,
        title=title,
        data=data,
        frames=recorder.frames,
        seconds=len(recorder.seconds),
        unsure_seconds=recorder.unsure_seconds,
        unsure_entropy=UNSURE_ENTROPY,
        skipped_rules=recorder.skipped_rules,
        plots=[
            (name, label, top, not top and not any(recorder.series[name]))
            for name, label, top in _PLOTS
            if name in recorder.series
        ],
        events=[(event, image, _describe_event(event, timeline)) for event, image in events],
        files=[_describe_file(clip) for clip in timeline.clips] if timeline.clips[1:] else [],
    )


def find_unplayable_reason(path: Path, codec: str = "", pix_fmt: str = "") -> str:
    """Return why most browsers do not play a video; "" if they do.

    Args:
        path: its file, of which only the name is used.
        codec: its codec; "" when unknown.
        pix_fmt: its pixel format; "" when unknown.
    """
    if path.suffix.lower() not in _CONTAINERS:
        return f"files of the kind {path.suffix.lower() or path.name}"
    if codec and codec not in _CODECS:
        return f"video coded with {codec}"
    if codec == "h264" and pix_fmt not in _H264_FORMATS:
        return f"{codec} with pixels of the kind {pix_fmt}"
    return ""


def _relative_href(video: Path, folder: Path) -> str:
    return file_href(os.path.relpath(video.resolve(), folder.resolve()).replace(os.sep, "/"))


def _select_classes(recorder: DriveRecorder, palette: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (name, color) of the classes to plot."""
    known = {name: color for name, color in palette.items() if name in recorder.classes}
    colors = assign_class_colors(recorder.classes, known)
    return [
        (name, f"#{red:02x}{green:02x}{blue:02x}")
        for name, (blue, green, red) in zip(recorder.classes, colors, strict=True)
        if name not in UNPAINTED_CLASSES
        and max(recorder.series.get(f"share.{name}", [0.0])) >= _MIN_VISIBLE
    ]


def _describe_event(event: Event, timeline: DriveTimeline) -> Iterator[str]:
    """Yield when and where an event was, in lines."""
    times = f"{format_clock(event.start_s)} to {format_clock(event.end_s)}"
    yield f"{times}, peak {event.peak:.3g} at {format_clock(event.peak_s)}"
    known = timeline.describe_moment(event.peak_s)
    if len(timeline.clips) > 1 and "file" in known:
        yield f"{known['file']} at {format_clock(known['file_s'])}"
    if "latitude" in known:
        yield f"{known['latitude']:.5f}, {known['longitude']:.5f}"


def _describe_file(clip: Clip) -> tuple[str, ...]:
    """Return start, name, time of recording and gap of a file."""
    recorded = f"{clip.recorded:%Y-%m-%d %H:%M:%S} UTC" if clip.recorded else ""
    gap = ""
    if clip.gap_s:
        gap = f"{clip.gap_s:g} s" if clip.gap_s > 0 else f"overlaps by {-clip.gap_s:g} s"
    return format_clock(clip.start_s), clip.path.name, recorded, gap


def format_clock(at_s: float) -> str:
    """Return a moment of the drive as 1:05.2, or 1:02:05.2."""
    minutes, seconds = divmod(round(at_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{minutes:02}" if hours else str(minutes)
    return (f"{hours}:" if hours else "") + f"{text}:{seconds:04.1f}"
