"""The folder that a drive's report is: page, figures, places."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rimlight.config import read_yaml
from rimlight.errors import SinkError
from rimlight.options import validate
from rimlight.road.ahead import AHEAD, Trapezoid
from rimlight.road.page import page
from rimlight.road.places import Clip, Journey, write_geojson
from rimlight.road.record import DriveRecorder
from rimlight.road.rules import Rule, Rules


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read what is an event from a YAML file.

    Raises:
        ConfigError: it cannot be read or a key is wrong.
    """
    return validate(Rules, read_yaml(path), where=str(path)).rules


class DriveReport:
    """A report that is written while a drive runs and finished by `close`.

    The folder gets frames.csv, drive.json, index.html and, where the way is known, events.geojson.

    Args:
        folder: made when it is missing.
        title: what to call the drive.
        rules: what is an event.
        ahead: the path in front of the bonnet.
        journey: where the drive went, and in which files.
        palette: colours of classes, where the usual ones won't do.
        pictures: keep one of each event; not where something in them must not be seen.

    Raises:
        SinkError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        title: str,
        rules: Sequence[Rule] = (),
        ahead: Trapezoid = AHEAD,
        journey: Journey | None = None,
        palette: Mapping[str, str] | None = None,
        pictures: bool = True,
    ) -> None:
        self.recorder = DriveRecorder(folder, rules, ahead=ahead, pictures=pictures)
        self._folder = folder
        self._title = title
        self._journey = journey or Journey()
        self._palette = palette

    def close(self, videos: Sequence[Clip] = ()) -> None:
        """Write what the recorder saw; `videos` are what the page plays.

        Raises:
            SinkError: a file cannot be written.
        """
        recorder, journey = self.recorder, self._journey
        recorder.close()
        data = recorder.data()
        data["events"] = [event | journey.about(event["peak_s"]) for event in data["events"]]
        starts = [clip.start_s for clip in journey.clips]
        data["files"] = [{"start_s": start} | journey.about(start) for start in starts]
        _write(self._folder / "drive.json", json.dumps(data, indent=1))
        shown = page(
            recorder,
            title=self._title,
            folder=self._folder,
            videos=videos,
            journey=journey,
            palette=self._palette,
        )
        _write(self._folder / "index.html", shown)
        if journey.track is not None:
            places = self._folder / "events.geojson"
            write_geojson(places, recorder.found, recorder.seconds, journey)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise SinkError(f"cannot write {path}: {exc.strerror}") from exc
