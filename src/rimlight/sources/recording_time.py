"""The order of recordings: one kind of clock for all, and chapters after each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from statistics import median

from rimlight.core.wording import format_count, join_names
from rimlight.system.folders import natural_sort_key

_GOPRO = re.compile(r"(?:G[A-Z](\d\d)|GOPR|GP(\d\d))(\d{4})", re.IGNORECASE)
"""GX020001: chapter 2 of recording 1; GOPR0001 and GP010001 with older ones."""

_DCF = re.compile(r"(\d{3})\w{5}")
"""Folders of cameras count on where the numbers in names begin again: 100GOPRO, 101GOPRO."""

_ZONE_STEP_S = 900
"""Zones differ by quarters of an hour."""

_IN_NAME = re.compile(r"(20\d\d)\D?(\d\d)\D?(\d\d)\D{0,2}(\d\d)\D?(\d\d)\D?(\d\d)")
"""Year to second, as dashcams name their files: 2026_0501_101500_003.MP4."""
_EARLIEST, _LATEST = 1990, 2200
"""Cameras whose clock was never set write 1904, 1970 or 1980."""


@dataclass(frozen=True)
class RecordingTime:
    """What a file tells of the time of its recording.

    Attributes:
        path: the file.
        length: how long it is, in seconds.
        inside: the time in its tags, which should be UTC.
        named: the time in its name, by the clock of the camera.
        clock: what was made of it.
    """

    path: Path
    length: Fraction
    inside: datetime | None
    named: datetime | None
    clock: datetime | None = None


def sort_by_time(files: Sequence[RecordingTime]) -> tuple[list[RecordingTime], list[str]]:
    """Sort files by one kind of clock, or by name where they do not share one.

    Times inside of files are UTC and those in names local, so they are never compared. Files that
    tell both give the difference, and that makes UTC of the names of others.

    Returns:
        The files in order with their clocks, and what the user should know.
    """
    told, notes = _choose_clock(sorted(files, key=_get_sort_key))
    missing = [file.path.name for file in told if file.clock is None]
    if not missing:
        told.sort(key=lambda file: str(file.clock))
    elif len(missing) < len(told):
        notes.append(
            f"{len(missing)} of {len(told)} files do not say when they were recorded, or by "
            f"another clock than the others ({missing[0]}): all are in the order of their names"
        )
    told, late = _chain_chapters(told)
    if late:
        notes.append(
            f"{format_count(len(late), 'file')} with the clock of the file before (chapters of one "
            f"recording): taken to begin where that one ends: {join_names(late)}"
        )
    return told, notes


def _choose_clock(files: Sequence[RecordingTime]) -> tuple[list[RecordingTime], list[str]]:
    """Choose the clock that all files go by."""
    both = [(file.inside, file.named) for file in files if file.inside and file.named]
    if all(file.inside for file in files) or not any(file.named for file in files):
        return [replace(file, clock=file.inside) for file in files], []
    if not any(file.inside for file in files):
        return [replace(file, clock=file.named) for file in files], []
    if both:
        zone = _estimate_zone(both)
        made = [file.inside or (file.named - zone if file.named else None) for file in files]
        hours = zone.total_seconds() / 3600
        note = f"some files tell their time by name only: taken as UTC{hours:+g} h, as others do"
        return [replace(file, clock=c) for file, c in zip(files, made, strict=True)], [note]
    by_name = sum(file.named is not None for file in files) * 2 > len(files)
    clocks = [file.named if by_name else file.inside for file in files]
    return [replace(file, clock=c) for file, c in zip(files, clocks, strict=True)], []


def _estimate_zone(both: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """Return what the clock of the names is ahead of that in the tags."""
    ahead = median((named - inside).total_seconds() for inside, named in both)
    return timedelta(seconds=round(ahead / _ZONE_STEP_S) * _ZONE_STEP_S)


def _chain_chapters(files: Sequence[RecordingTime]) -> tuple[list[RecordingTime], list[str]]:
    """Let files that carry the start of their whole recording follow on each other.

    Returns:
        The files, and the names of those whose clock was made of the file before.
    """
    placed: list[RecordingTime] = []
    late = []
    for told, file in zip([None, *files], files, strict=False):
        before = placed[-1] if placed else None
        if told and before and before.clock and file.clock and _is_next_chapter(told, file):
            end = before.clock + timedelta(seconds=float(before.length))
            if file.clock < end:
                placed.append(replace(file, clock=end))
                late.append(file.path.name)
                continue
        placed.append(file)
    return placed, late


def _is_next_chapter(before: RecordingTime, file: RecordingTime) -> bool:
    one, two = _parse_chapter(before.path), _parse_chapter(file.path)
    if one and two and one[0] == two[0] and two[1] == one[1] + 1:
        return True
    return before.clock == file.clock


def _parse_chapter(path: Path) -> tuple[str, int] | None:
    """Return the number of the recording and that of the chapter in it, from GoPro's names."""
    found = _GOPRO.fullmatch(path.stem)
    return (found[3], int(found[1] or found[2] or 0)) if found else None


def _get_sort_key(file: RecordingTime) -> tuple[int, list[tuple[int, int, str]]]:
    folder = _DCF.fullmatch(file.path.parent.name)
    chapter = _parse_chapter(file.path)
    name = natural_sort_key(file.path.name)
    if chapter:
        name = [(0, int(chapter[0]), ""), (0, chapter[1], ""), *name]
    return int(folder[1]) if folder else 0, name


def parse_utc(text: str) -> datetime | None:
    """Read an ISO 8601 time, also with a small t or z; one without a zone counts as UTC.

    Returns:
        The time in UTC; None for what is no time.
    """
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def has_zone(text: str) -> bool:
    """Whether a text that `read_utc` reads names its zone."""
    return datetime.fromisoformat(text.strip().upper()).tzinfo is not None


def parse_plausible_time(text: str) -> datetime | None:
    """Read a time as `read_utc` does; None also for one that no camera has seen."""
    moment = parse_utc(text)
    return moment if moment and _EARLIEST <= moment.year <= _LATEST else None


def parse_time_in_name(name: str) -> datetime | None:
    """Return the time that a name tells, by the camera's own clock, as if that were UTC."""
    found = _IN_NAME.search(name)
    return parse_plausible_time("{}-{}-{}T{}:{}:{}".format(*found.groups())) if found else None
