"""When a file was recorded, as its tags and its name tell it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_IN_NAME = re.compile(r"(20\d\d)\D?(\d\d)\D?(\d\d)\D{0,2}(\d\d)\D?(\d\d)\D?(\d\d)")
"""Year to second, as dashcams name their files: 2026_0501_101500_003.MP4."""

_EARLIEST, _LATEST = 1990, 2200
"""Cameras whose clock was never set write 1904, 1970 or 1980."""


def read_utc(text: str) -> datetime | None:
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


def moment_of(text: str) -> datetime | None:
    """Read a time as `read_utc` does; None also for one that no camera has seen."""
    moment = read_utc(text)
    return moment if moment and _EARLIEST <= moment.year <= _LATEST else None


def time_in_name(name: str) -> datetime | None:
    """Return the time that a name tells, by the camera's own clock, as if that were UTC."""
    found = _IN_NAME.search(name)
    return moment_of("{}-{}-{}T{}:{}:{}".format(*found.groups())) if found else None
