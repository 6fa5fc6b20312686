"""Reads GPS tracks from GPX files and interpolates positions."""

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
from rimlight.sources.recording_time import parse_utc

MAX_GAP_S = 30
"""Positions are not interpolated between fixes that are further apart than this."""

MAX_BYTES = 512 << 20
"""Upper bound of a GPX file; a track of a whole day has a few MiB."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2200

_SIGNATURES = (
    (b"$GP", "NMEA", "nmea"),
    (b"$GN", "NMEA", "nmea"),
    (b"!AIVDM", "NMEA", "nmea"),
    (b"PK\x03\x04", "a ZIP archive, as KMZ", "kml"),
    (b".FIT", "FIT", "garmin_fit"),
)
_XML_ROOTS = {
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
    ".plt": ("an OziExplorer track", "ozi"),
}
"""File formats by suffix, for content without a signature."""

_HEAD_BYTES = 4096
"""Bytes that are searched for a signature."""


@dataclass(frozen=True)
class Fix:
    """A point of a track: seconds since 1970 (UTC), latitude and longitude in degrees."""

    at_s: float
    latitude: float
    longitude: float


@dataclass(frozen=True)
class _Rejection:
    """The reason why a point is skipped, and an example of the value."""

    reason: str
    example: str = ""


class Track:
    """Fixes in time order.

    Args:
        fixes: at least one, in any order; of several at the same time the first is used.
        notes: messages for the user about skipped points.
    """

    def __init__(self, fixes: Sequence[Fix], notes: Sequence[str] = ()) -> None:
        first = {fix.at_s: fix for fix in reversed(fixes)}
        self._fixes = sorted(first.values(), key=lambda fix: fix.at_s)
        self._times = [fix.at_s for fix in self._fixes]
        self.notes = tuple(notes)

    @property
    def span_s(self) -> tuple[float, float]:
        """Times of the first and the last fix, in seconds since 1970."""
        return self._times[0], self._times[-1]

    def interpolate(self, at_s: float) -> tuple[float, float] | None:
        """Return (latitude, longitude) at a time; None before, after and in long gaps."""
        index = bisect_right(self._times, at_s)
        if index == len(self._times) and at_s == self._times[-1]:
            return self._fixes[-1].latitude, self._fixes[-1].longitude
        if index in (0, len(self._times)):
            return None
        before, after = self._fixes[index - 1], self._fixes[index]
        gap_s = after.at_s - before.at_s
        if gap_s > MAX_GAP_S:
            return None
        share = (at_s - before.at_s) / gap_s
        # Take the short way across the date line, from 179.9 to -179.9.
        step = (after.longitude - before.longitude + 180) % 360 - 180
        longitude = (before.longitude + share * step + 180) % 360 - 180
        return before.latitude + share * (after.latitude - before.latitude), longitude


def read_tracks(paths: Sequence[Path]) -> Track:
    """Read the timed points of several files as one track.

    Raises:
        ConfigError: see `read_gpx`.
    """
    fixes: list[Fix] = []
    notes: list[str] = []
    for path in paths:
        file_fixes, file_notes = _read_file(path)
        fixes += file_fixes
        notes += file_notes
    return Track(fixes, notes)


def read_gpx(path: Path) -> Track:
    """Read the timed points of all tracks in a GPX 1.0 or 1.1 file, plain or gzipped.

    Points without a time or a plausible position are skipped. A truncated file is read up to where
    it ends.

    Raises:
        ConfigError: it cannot be read, is not GPX, or no point has a time and a position.
    """
    return read_tracks([path])


def _read_file(path: Path) -> tuple[list[Fix], list[str]]:
    content = _read_content(path)
    points, broken = _parse_points(path, content)
    fixes: list[Fix] = []
    skipped: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for point in points:
        fix = _parse_fix(point)
        if isinstance(fix, Fix):
            fixes.append(fix)
        else:
            skipped[fix.reason] += 1
            examples.setdefault(fix.reason, fix.example)
    reasons = ", ".join(f"{count} {why}{examples[why]}" for why, count in skipped.most_common())
    if not fixes:
        why = "; ".join(filter(None, (reasons, broken and f"it is truncated ({broken})")))
        raise ConfigError(
            f"{path} has no track points with a time and a position" + (f": {why}" if why else ""),
            hint="export the recorded track, not a planned route",
        )
    notes = [f"{path.name}: points skipped: {reasons}"] if skipped else []
    if broken:
        notes.append(f"{path.name} is truncated ({broken}): its first {len(fixes)} points are used")
    return fixes, notes


def _read_content(path: Path) -> bytes:
    try:
        content = read_limited(path, MAX_BYTES)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                content = packed.read(MAX_BYTES + 1)
    except DocumentError as exc:
        raise ConfigError(f"{path}: {exc}", hint="trim the track to the drive") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise ConfigError(f"cannot unpack {path}: {exc}", hint="copy the file again") from exc
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", hint="check the path") from exc
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{path} is larger than {MAX_BYTES >> 20} MiB", hint="trim the track to the drive"
        )
    return content


def _parse_points(path: Path, content: bytes) -> tuple[list[ET.Element], str]:
    """Return the track points of a file, and the error of the parser if it is truncated.

    Raises:
        ConfigError: it is not GPX.
    """
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
    points: list[ET.Element] = []
    root, broken = "", ""
    try:
        parser.feed(content.lstrip(b" \t\r\n"))  # XML allows none before its declaration
        parser.close()
    except (ET.ParseError, LookupError, ValueError) as exc:  # the last two: a wrong encoding
        broken = str(exc)
    try:
        for event, node in cast("Iterator[tuple[str, ET.Element]]", parser.read_events()):
            root = root or _strip_namespace(node.tag)
            if event == "end" and _strip_namespace(node.tag) == "trkpt":
                points.append(node)
    except (ET.ParseError, LookupError, ValueError) as exc:
        broken = broken or str(exc)
    if root != "gpx":
        raise _make_format_error(path, content, root, broken)
    return points, broken


def _make_format_error(path: Path, content: bytes, root: str, broken: str) -> ConfigError:
    """Return an error that names the format of a file and the command to convert it."""
    head = content[:_HEAD_BYTES]
    known = [(form, kind) for signature, form, kind in _SIGNATURES if signature in head]
    by_suffix = _SUFFIXES.get(path.suffix.lower(), ("", ""))
    form, kind = _XML_ROOTS.get(root) or (known[0] if known else by_suffix)
    if form:
        converted = quote(f"{path.stem}-track.gpx")
        return ConfigError(
            f"{path} is {form}, not GPX",
            hint=f"gpsbabel -i {kind} -f {quote(str(path))} -o gpx -F {converted}",
        )
    if root:
        return ConfigError(f"{path} is not a GPX file: its root is <{root}>", hint=_CONVERT)
    return ConfigError(f"{path} is not a GPX file: {broken or 'it is empty'}", hint=_CONVERT)


_CONVERT = "convert other formats to GPX: gpsbabel -i FORMAT -f IN -o gpx -F OUT"


def _parse_fix(point: ET.Element) -> Fix | _Rejection:
    """Return the fix of a track point, or the reason to skip it."""
    time = (
        next((child.text for child in point if _strip_namespace(child.tag) == "time"), None) or ""
    )
    lat, lon = point.get("lat", ""), point.get("lon", "")
    if not time.strip():
        return _Rejection("without a time")
    moment = parse_utc(time)
    if moment is None:
        return _Rejection("with an invalid time", f" ({time.strip()[:40]!r})")
    try:
        latitude, longitude = float(lat), float(lon)
    except ValueError:
        return _Rejection("with an invalid position", f" ({lat[:20]!r}, {lon[:20]!r})")
    error = _find_error(moment, latitude, longitude)
    return _Rejection(error) if error else Fix(moment.timestamp(), latitude, longitude)


def _find_error(moment: datetime, latitude: float, longitude: float) -> str:
    """Return why a fix is implausible; "" if it is plausible."""
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return "with a position that is not finite"
    if latitude == 0 and longitude == 0:
        return "at 0, 0, before the receiver had a fix"
    if abs(latitude) > 90 or abs(longitude) > 180:
        return "off the globe"
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return f"from a year before {_FIRST_YEAR} or after {_LAST_YEAR}"
    return ""


def _strip_namespace(tag: str) -> str:
    """Return a tag without its namespace, the only relevant difference of GPX 1.0 and 1.1."""
    return tag.rpartition("}")[2]
