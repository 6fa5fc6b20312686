"""Where a GPS receiver was and when, from GPX files."""

from __future__ import annotations

import gzip
import math
import xml.etree.ElementTree as ET
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import cast

from rimlight.core.documents import DocumentError, read_limited
from rimlight.core.errors import ConfigError
from rimlight.sources.recording_time import read_utc

MAX_GAP_S = 30
"""Between fixes further apart than this the way is not known; no place is made up."""

MAX_BYTES = 512 << 20
"""A track of a whole day has a few; what unpacks to more than this is none."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2200

_FORMS = (
    (b"$GP", "NMEA", "nmea"),
    (b"$GN", "NMEA", "nmea"),
    (b"!AIVDM", "NMEA", "nmea"),
    (b"PK\x03\x04", "a ZIP archive, as KMZ", "kml"),
    (b".FIT", "FIT", "garmin_fit"),
)
_ROOTS = {
    "kml": ("KML", "kml"),
    "TrainingCenterDatabase": ("TCX", "gtrnctr"),
    "osm": ("OpenStreetMap data", "osm"),
}
_SUFFIXES = {
    ".nmea": ("NMEA", "nmea"),
    ".fit": ("FIT", "garmin_fit"),
    ".csv": ("CSV", "unicsv"),
    ".kmz": ("KMZ", "kml"),
    ".igc": ("IGC", "igc"),
    ".plt": ("OziExplorer's form", "ozi"),
}
"""What names say where the content does not."""

_HEAD = 4096
"""How far from its beginning a file's form shows."""


@dataclass(frozen=True)
class Fix:
    """One point of a track: seconds since 1970 (UTC), degrees north, degrees east."""

    at_s: float
    north: float
    east: float


@dataclass(frozen=True)
class _Odd:
    """Why a point is left out, in words that all points of a kind share, and an example."""

    kind: str
    example: str = ""


class Track:
    """Fixes in the order of time.

    Args:
        fixes: at least one, in any order; of several at one time the first counts.
        notes: what the user should know of how they were read.
    """

    def __init__(self, fixes: Sequence[Fix], notes: Sequence[str] = ()) -> None:
        first = {fix.at_s: fix for fix in reversed(fixes)}
        self._fixes = sorted(first.values(), key=lambda fix: fix.at_s)
        self._times = [fix.at_s for fix in self._fixes]
        self.notes = tuple(notes)

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


def read_tracks(paths: Sequence[Path]) -> Track:
    """Read the timed points of several files as one track.

    Raises:
        ConfigError: see `read_gpx`.
    """
    fixes: list[Fix] = []
    notes: list[str] = []
    for path in paths:
        found, told = _read(path)
        fixes += found
        notes += told
    return Track(fixes, notes)


def read_gpx(path: Path) -> Track:
    """Read the timed points of all tracks in a GPX 1.0 or 1.1 file, also one packed with gzip.

    Points without a time or a place are left out, as are those that no receiver can have been at.
    Of a file that breaks off, what is whole is read.

    Raises:
        ConfigError: it cannot be read, is not GPX, or no point has a time and a place.
    """
    return read_tracks([path])


def _read(path: Path) -> tuple[list[Fix], list[str]]:
    content = _unpacked(path)
    points, broken = _points(path, content)
    fixes: list[Fix] = []
    odd: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for point in points:
        fix = _fix(point)
        if isinstance(fix, Fix):
            fixes.append(fix)
        else:
            odd[fix.kind] += 1
            examples.setdefault(fix.kind, fix.example)
    reasons = ", ".join(f"{count} {why}{examples[why]}" for why, count in odd.most_common())
    if not fixes:
        why = "; ".join(filter(None, (reasons, broken and f"it breaks off ({broken})")))
        raise ConfigError(
            f"{path} has no track points with a time and a place" + (f": {why}" if why else ""),
            hint="export the recorded track, not a planned route",
        )
    notes = [f"{path.name}: points left out: {reasons}"] if odd else []
    if broken:
        notes.append(f"{path.name} breaks off ({broken}): its first {len(fixes)} points are used")
    return fixes, notes


def _unpacked(path: Path) -> bytes:
    try:
        content = read_limited(path, MAX_BYTES)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                content = packed.read(MAX_BYTES + 1)
    except DocumentError as exc:
        raise ConfigError(f"{path}: {exc}", hint="cut the track to the drive") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise ConfigError(f"cannot unpack {path}: {exc}", hint="get the file again") from exc
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", hint="check the path") from exc
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{path} is larger than {MAX_BYTES >> 20} MiB", hint="cut the track to the drive"
        )
    return content


def _points(path: Path, content: bytes) -> tuple[list[ET.Element], str]:
    """Return the track points of a file, and what is wrong with it where it breaks off.

    Raises:
        ConfigError: it is not GPX.
    """
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
    points: list[ET.Element] = []
    root, broken = "", ""
    try:
        parser.feed(content.lstrip(b" \t\r\n"))  # before its declaration XML allows none
        parser.close()
    except (ET.ParseError, LookupError, ValueError) as exc:  # the last two: of its encoding
        broken = str(exc)
    try:
        for event, node in cast("Iterator[tuple[str, ET.Element]]", parser.read_events()):
            root = root or _plain(node.tag)
            if event == "end" and _plain(node.tag) == "trkpt":
                points.append(node)
    except (ET.ParseError, LookupError, ValueError) as exc:
        broken = broken or str(exc)
    if root != "gpx":
        raise _other_form(path, content, root, broken)
    return points, broken


def _other_form(path: Path, content: bytes, root: str, broken: str) -> ConfigError:
    """Name what a file is, and how to make GPX of it."""
    head = content[:_HEAD]
    known = [(form, kind) for sign, form, kind in _FORMS if sign in head]
    named = _SUFFIXES.get(path.suffix.lower(), ("", ""))
    form, kind = _ROOTS.get(root) or (known[0] if known else named)
    if form:
        made = quote(f"{path.stem}-track.gpx")
        return ConfigError(
            f"{path} is {form}, not GPX",
            hint=f"gpsbabel -i {kind} -f {quote(str(path))} -o gpx -F {made}",
        )
    if root:
        return ConfigError(f"{path} is not a GPX file: it is XML of <{root}>", hint=_CONVERT)
    return ConfigError(f"{path} is not a GPX file: {broken or 'it is empty'}", hint=_CONVERT)


_CONVERT = "GPX is read; others become it: gpsbabel -i FORMAT -f IN -o gpx -F OUT"


def _fix(point: ET.Element) -> Fix | _Odd:
    """Return where and when a point was, or else what is wrong with it."""
    time = next((child.text for child in point if _plain(child.tag) == "time"), None) or ""
    lat, lon = point.get("lat", ""), point.get("lon", "")
    if not time.strip():
        return _Odd("without a time")
    moment = read_utc(time)
    if moment is None:
        return _Odd("whose time is none", f" ({time.strip()[:40]!r})")
    try:
        north, east = float(lat), float(lon)
    except ValueError:
        return _Odd("whose place is no number", f" ({lat[:20]!r}, {lon[:20]!r})")
    wrong = _wrong(moment, north, east)
    return _Odd(wrong) if wrong else Fix(moment.timestamp(), north, east)


def _wrong(moment: datetime, north: float, east: float) -> str:
    """Return why no receiver can have been there then; "" where it can."""
    if not (math.isfinite(north) and math.isfinite(east)):
        return "whose place is not finite"
    if north == 0 and east == 0:
        return "at 0, 0, before the receiver had a fix"
    if abs(north) > 90 or abs(east) > 180:
        return "off the globe"
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return f"of a year before {_FIRST_YEAR} or after {_LAST_YEAR}"
    return ""


def _plain(tag: str) -> str:
    """Return a tag without its namespace: GPX 1.0 and 1.1 differ in nothing else here."""
    return tag.rpartition("}")[2]
