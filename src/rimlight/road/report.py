"""The folder that a drive's report is: page, figures, places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rimlight.core.config import read_yaml
from rimlight.core.interchange import to_json
from rimlight.core.options import validate
from rimlight.road.page import page
from rimlight.road.places import Clip, Journey, write_geojson
from rimlight.road.record import DriveRecorder
from rimlight.road.rules import Rule, Rules
from rimlight.system.atomic_io import MADE_BY, write_text

FILES = ("frames.csv", "drive.json", "index.html", "events.geojson")
"""What a report consists of."""


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read what is an event from a YAML file.

    Raises:
        ConfigError: it cannot be read or a key is wrong.
    """
    return validate(Rules, read_yaml(path), where=str(path)).rules


def write_report(
    recorder: DriveRecorder,
    journey: Journey,
    *,
    title: str,
    videos: Sequence[Clip] = (),
    palette: Mapping[str, str] | None = None,
) -> None:
    """Write drive.json, index.html and, where the way is known, events.geojson beside frames.csv.

    Args:
        recorder: what saw the drive; closed.
        journey: where the drive went, and in which files.
        title: what to call the drive.
        videos: what the page plays.
        palette: colors of classes, where the usual ones won't do.

    Raises:
        SinkError: a file cannot be written.
    """
    folder, data = recorder.folder, recorder.data()
    data["events"] = [event | journey.about(event["peak_s"]) for event in data["events"]]
    data["files"] = [
        {"start_s": clip.start_s, "gap_s": clip.gap_s} | journey.about(clip.start_s)
        for clip in journey.clips
    ]
    write_text(folder / "drive.json", to_json(MADE_BY | data, indent=1))
    shown = page(recorder, journey, title=title, videos=videos, palette=palette)
    write_text(folder / "index.html", shown)
    if journey.track is not None:
        places = folder / "events.geojson"
        write_geojson(places, recorder.found, recorder.seconds, journey)
