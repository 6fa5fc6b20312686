"""The timeline of a drive: the file, the time of day and the position of each moment."""

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

_MAX_OFFSET_S = 1e10
"""About 300 years, which exceeds the error of any clock that was never set."""


@dataclass(frozen=True)
class Clip:
    """One file of a drive.

    Attributes:
        path: the file.
        start_s: its start, in seconds of the drive.
        recorded: when its first frame was taken; None if unknown.
        gap_s: the gap before it in seconds; negative for an overlap, None if unknown.
        codec: its video codec.
        pix_fmt: its pixel format.
    """

    path: Path
    start_s: float
    recorded: datetime | None = None
    gap_s: float | None = None
    codec: str = ""
    pix_fmt: str = ""


class DriveTimeline:
    """The clips of a drive and the GPS track that was recorded with them.

    Args:
        clips: in order; none for a camera or a folder of images.
        track: None without GPS.
        offset_s: added to the clock of the clips to get that of the track.

    Raises:
        ConfigError: there is a track, but no clip has a time of recording, or none of them
            overlaps the track; or the offset is out of range.
    """

    def __init__(
        self, clips: Sequence[Clip] = (), track: Track | None = None, *, offset_s: float = 0.0
    ) -> None:
        self.clips = tuple(clips)
        self.track = track
        if not abs(offset_s) <= _MAX_OFFSET_S:
            raise ConfigError(
                f"{offset_s:g} s is not a valid clock offset", hint="correct --gpx-offset"
            )
        self._offset = timedelta(seconds=offset_s)
        if track is not None:
            _check_overlap(self.clips, track, self._offset)

    def select_clips(self, indices: Collection[int]) -> DriveTimeline:
        """Return a copy with only the clips of these indices."""
        clips = tuple(clip for index, clip in enumerate(self.clips) if index in indices)
        narrowed = copy(self)
        narrowed.clips = clips
        return narrowed

    def find_clip(self, at_s: float) -> Clip | None:
        """Return the clip that contains a moment of the drive."""
        started = [clip for clip in self.clips if clip.start_s <= at_s]
        return started[-1] if started else None

    def find_time(self, at_s: float) -> datetime | None:
        """Return the time (UTC, by the clock of the track) at a moment of the drive."""
        clip = self.find_clip(at_s)
        if clip is None or clip.recorded is None:
            return None
        return clip.recorded + timedelta(seconds=at_s - clip.start_s) + self._offset

    def find_position(self, at_s: float) -> tuple[float, float] | None:
        """Return (latitude, longitude) in degrees at a moment of the drive, or None."""
        moment = self.find_time(at_s)
        if self.track is None or moment is None:
            return None
        return self.track.interpolate(moment.timestamp())

    def describe_moment(self, at_s: float) -> dict[str, Any]:
        """Return what is known of a moment: file, time within it, time of day and position."""
        clip, moment = self.find_clip(at_s), self.find_time(at_s)
        position = self.find_position(at_s)
        known: dict[str, Any] = {}
        if clip is not None:
            known |= {"file": clip.path.name, "file_s": round(at_s - clip.start_s, 3)}
        if moment is not None:
            known["time"] = moment.isoformat(timespec="milliseconds")
        if position is not None:
            known |= {"latitude": round(position[0], 7), "longitude": round(position[1], 7)}
        return known


def write_geojson(
    path: Path, events: Sequence[Event], seconds: Sequence[float], timeline: DriveTimeline
) -> None:
    """Write the track and the events of a drive as GeoJSON (RFC 7946).

    An event is placed at its peak; its geometry is null if the position is unknown.

    Raises:
        SinkError: the file cannot be written.
    """
    track = {"type": "MultiLineString", "coordinates": _split_lines(seconds, timeline)}
    features = [_make_feature(track, {"name": "track"})]
    for event in events:
        position = timeline.find_position(event.peak_s)
        point = {"type": "Point", "coordinates": _to_lon_lat(position)} if position else None
        features.append(
            _make_feature(point, asdict(event) | timeline.describe_moment(event.peak_s))
        )
    data = MADE_BY | {"type": "FeatureCollection", "features": features}
    write_text(path, to_json(data, indent=1))


def _make_feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _split_lines(seconds: Sequence[float], timeline: DriveTimeline) -> list[list[list[float]]]:
    """Return the track as lines, split where the position is unknown."""
    lines: list[list[list[float]]] = [[]]
    for second in seconds:
        position = timeline.find_position(second)
        if position:
            lines[-1].append(_to_lon_lat(position))
        elif lines[-1]:
            lines.append([])
    return [line for line in lines if len(line) > 1]


def _to_lon_lat(position: tuple[float, float]) -> list[float]:
    return [round(position[1], 7), round(position[0], 7)]


def _check_overlap(clips: Sequence[Clip], track: Track, offset: timedelta) -> None:
    known = [clip.recorded + offset for clip in clips if clip.recorded]
    if not known:
        raise ConfigError(
            "the drive has no time of recording, so it cannot be matched with a track",
            hint="give the time of its first frame: --start-time 2026-05-01T10:15:00Z",
        )
    first, last = (datetime.fromtimestamp(at_s, UTC) for at_s in track.span_s)
    if min(known) > last or max(known) + timedelta(hours=2) < first:
        raise ConfigError(
            f"the drive was recorded at {min(known):%Y-%m-%d %H:%M:%S} UTC, the track from "
            f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}",
            hint="cameras often write local time: correct it with --gpx-offset, in seconds",
        )
