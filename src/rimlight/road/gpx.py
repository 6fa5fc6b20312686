"""Where a GPS receiver was and when, from a GPX file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rimlight.errors import ConfigError

MAX_GAP_S = 30
"""Between fixes further apart than this the way is not known; no place is made up."""


@dataclass(frozen=True)
class Fix:
    """One point of a track: seconds since 1970 (UTC), degrees north, degrees east."""

    at_s: float
    north: float
    east: float


class Track:
    """Fixes in the order of time.

    Args:
        fixes: at least one, in any order.
    """

    def __init__(self, fixes: list[Fix]) -> None:
        self._fixes = sorted(fixes, key=lambda fix: fix.at_s)
        self._times = [fix.at_s for fix in self._fixes]

    @property
    def span_s(self) -> tuple[float, float]:
        """When the first and the last fix were, in seconds since 1970."""
        return self._times[0], self._times[-1]

    def at(self, at_s: float) -> tuple[float, float] | None:
        """Return (degrees north, degrees east) at a time; None before, after and in long gaps."""
        number = bisect_right(self._times, at_s)
        if number == len(self._times) and at_s == self._times[-1]:
            return self._fixes[-1].north, self._fixes[-1].east
        if number in (0, len(self._times)):
            return None
        before, after = self._fixes[number - 1], self._fixes[number]
        gap_s = after.at_s - before.at_s
        if gap_s > MAX_GAP_S:
            return None
        share = (at_s - before.at_s) / gap_s
        # Across the date line the short way leads from 179.9 to -179.9.
        east = (after.east - before.east + 180) % 360 - 180
        there = (before.east + share * east + 180) % 360 - 180
        return before.north + share * (after.north - before.north), there


def read_gpx(path: Path) -> Track:
    """Read the timed points of all tracks in a GPX 1.0 or 1.1 file.

    Raises:
        ConfigError: it cannot be read, is not GPX, or no point has a time.
    """
    try:
        root = ET.fromstring(path.read_bytes())
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", hint="check the path") from exc
    except (ET.ParseError, LookupError, ValueError) as exc:  # the last two: of its encoding
        raise ConfigError(f"{path} is not a GPX file: {exc}", hint="a GPX file is XML") from exc
    points = (node for node in root.iter() if _plain(node.tag) == "trkpt")
    fixes = [fix for point in points if (fix := _fix(point))]
    if not fixes:
        raise ConfigError(
            f"{path} has no track points with a time and a place",
            hint="export the recorded track, not a planned route",
        )
    return Track(fixes)


def _fix(point: ET.Element) -> Fix | None:
    time = next((child.text for child in point if _plain(child.tag) == "time"), None)
    try:
        moment = datetime.fromisoformat((time or "").strip())
        north, east = float(point.attrib["lat"]), float(point.attrib["lon"])
    except (ValueError, KeyError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Fix(moment.timestamp(), north, east)


def _plain(tag: str) -> str:
    """Return a tag without its namespace: GPX 1.0 and 1.1 differ in nothing else here."""
    return tag.rpartition("}")[2]
