"""A drive's time line: which file a moment is in, what the clock said, and where the car was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rimlight.core.errors import ConfigError
from rimlight.core.interchange import to_json
from rimlight.road.gpx import Track
from rimlight.road.rules import Event
from rimlight.system.atomic_io import MADE_BY, write_text

_MOST_OFFSET_S = 1e10
"""Some three hundred years: more than from any clock that was never set."""


@dataclass(frozen=True)
class Clip:
    """One file of a drive.

    Attributes:
        path: the file.
        start_s: when it begins, in seconds of the drive.
        recorded: when its first frame was taken; None when it does not say.
        gap_s: how long nothing was recorded before it, in seconds; negative where the file before
            overlaps it, None when unknown.
        codec: what its video is coded with.
        pix_fmt: and its pixels.
    """

    path: Path
    start_s: float
    recorded: datetime | None = None
    gap_s: float | None = None
    codec: str = ""
    pix_fmt: str = ""


class Journey:
    """The clips of a drive, and the track that was recorded along with them.

    Args:
        clips: in order; none for a camera or a folder of pictures.
        track: None where there is none.
        offset_s: added to the clips' own clock to get the track's.

    Raises:
        ConfigError: there is a track, but no clip says when it was recorded, or all were recorded
            at other times than the track; or the offset is none.
    """

    def __init__(
        self, clips: Sequence[Clip] = (), track: Track | None = None, *, offset_s: float = 0.0
    ) -> None:
        self.clips = tuple(clips)
        self.track = track
        if not abs(offset_s) <= _MOST_OFFSET_S:
            raise ConfigError(
                f"{offset_s:g} s is no time between two clocks", hint="correct --gpx-offset"
            )
        self._offset = timedelta(seconds=offset_s)
        if track is not None:
            _check_overlap(self.clips, track, self._offset)

    def narrowed(self, numbers: Collection[int]) -> Journey:
        """Return the journey with those of its clips only that gave frames, by their numbers."""
        clips = tuple(clip for number, clip in enumerate(self.clips) if number in numbers)
        made = copy(self)
        made.clips = clips
        return made

    def clip_at(self, at_s: float) -> Clip | None:
        """Return the clip that a moment of the drive lies in."""
        begun = [clip for clip in self.clips if clip.start_s <= at_s]
        return begun[-1] if begun else None

    def clock(self, at_s: float) -> datetime | None:
        """Return the time of day (UTC, by the track's clock) at a moment of the drive."""
        clip = self.clip_at(at_s)
        if clip is None or clip.recorded is None:
            return None
        return clip.recorded + timedelta(seconds=at_s - clip.start_s) + self._offset

    def place(self, at_s: float) -> tuple[float, float] | None:
        """Return (degrees north, degrees east) at a moment of the drive, or None."""
        moment = self.clock(at_s)
        if self.track is None or moment is None:
            return None
        return self.track.at(moment.timestamp())

    def about(self, at_s: float) -> dict[str, Any]:
        """Return all that is known of a moment: file, time in it, clock and place."""
        clip, moment, place = self.clip_at(at_s), self.clock(at_s), self.place(at_s)
        known: dict[str, Any] = {}
        if clip is not None:
            known |= {"file": clip.path.name, "file_s": round(at_s - clip.start_s, 3)}
        if moment is not None:
            known["time"] = moment.isoformat(timespec="milliseconds")
        if place is not None:
            known |= {"north": round(place[0], 7), "east": round(place[1], 7)}
        return known


def write_geojson(
    path: Path, events: Sequence[Event], seconds: Sequence[float], journey: Journey
) -> None:
    """Write the way and the events of a drive as GeoJSON (RFC 7946); an event is at its peak.

    Events whose place is not known have a geometry of null.

    Raises:
        SinkError: the file cannot be written.
    """
    way = {"type": "MultiLineString", "coordinates": _lines(seconds, journey)}
    features = [_feature(way, {"name": "way"})]
    for event in events:
        place = journey.place(event.peak_s)
        at = {"type": "Point", "coordinates": _lon_lat(place)} if place else None
        features.append(_feature(at, asdict(event) | journey.about(event.peak_s)))
    data = MADE_BY | {"type": "FeatureCollection", "features": features}
    write_text(path, to_json(data, indent=1))


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _lines(seconds: Sequence[float], journey: Journey) -> list[list[list[float]]]:
    """Return the way as lines, broken where it is not known."""
    lines: list[list[list[float]]] = [[]]
    for second in seconds:
        place = journey.place(second)
        if place:
            lines[-1].append(_lon_lat(place))
        elif lines[-1]:
            lines.append([])
    return [line for line in lines if len(line) > 1]


def _lon_lat(place: tuple[float, float]) -> list[float]:
    return [round(place[1], 7), round(place[0], 7)]


def _check_overlap(clips: Sequence[Clip], track: Track, offset: timedelta) -> None:
    known = [clip.recorded + offset for clip in clips if clip.recorded]
    if not known:
        raise ConfigError(
            "the drive does not say when it was recorded, so no track can be laid along it",
            hint="say when its first frame was taken: --recorded 2026-05-01T10:15:00Z",
        )
    first, last = (datetime.fromtimestamp(at_s, UTC) for at_s in track.span_s)
    if min(known) > last or max(known) + timedelta(hours=2) < first:
        raise ConfigError(
            f"the drive was recorded at {min(known):%Y-%m-%d %H:%M:%S} UTC, the track from "
            f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}",
            hint="cameras often write local time: correct it with --gpx-offset, in seconds",
        )
