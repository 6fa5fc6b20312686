"""Video files of one drive, laid end to end in the order they were recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil, gcd, lcm
from pathlib import Path

from rimlight.errors import SourceOpenError
from rimlight.folders import natural
from rimlight.media.opening import Target, open_container, video_stream
from rimlight.sources.container import announced
from rimlight.sources.stamped import FALLBACK_TICK

_IN_NAME = re.compile(r"(20\d\d)\D?(\d\d)\D?(\d\d)\D{0,2}(\d\d)\D?(\d\d)\D?(\d\d)")
"""Year to second, as dashcams name their files: 2026_0501_101500_003.MP4."""

_EARLIEST = 1990
"""Cameras whose clock was never set write 1904, 1970 or 1980."""


@dataclass(frozen=True)
class Part:
    """One file of a drive.

    Attributes:
        path: the file.
        start: when its first frame comes, in seconds of the drive.
        length: how long it says it is, in seconds.
        tick: the unit of its time stamps.
        frames: how many it announces; None when unknown.
        recorded: when its first frame was taken, as the file, or else its name, says.
    """

    path: Path
    start: Fraction
    length: Fraction
    tick: Fraction
    frames: int | None
    recorded: datetime | None


def lay_out(paths: Sequence[Path]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Return the parts of a drive in the order of recording, and what cannot be opened.

    They are sorted by the times that they were recorded at, where all say so, else by name. Each
    begins where the one before says it ends, and the first at its container's own start, so no
    time is left out between them; `Part.recorded` keeps the clock.

    Raises:
        SourceOpenError: not one of them opens.
    """
    parts, unread = [], []
    for path in paths:
        try:
            parts.append(_probe(path))
        except SourceOpenError as exc:
            if len(paths) == 1:
                raise
            unread.append(str(exc))
    if not parts:
        raise SourceOpenError(
            f"none of {len(paths)} files opens: {'; '.join(unread[:3])}",
            hint="check the paths; a drive is made of video files",
        )
    parts.sort(key=lambda part: natural(part.path.name))
    if all(part.recorded for part in parts):
        parts.sort(key=lambda part: str(part.recorded))
    return tuple(_end_to_end(parts)), tuple(unread)


def common_tick(ticks: Sequence[Fraction]) -> Fraction:
    """Return the largest unit of which every one of `ticks` is a multiple."""
    return Fraction(gcd(*(t.numerator for t in ticks)), lcm(*(t.denominator for t in ticks)))


def _end_to_end(parts: Sequence[Part]) -> list[Part]:
    tick = common_tick([part.tick for part in parts])
    start = parts[0].start
    placed = []
    for part in parts:
        placed.append(replace(part, start=start))
        start += ceil(part.length / tick) * tick
    return placed


def _probe(path: Path) -> Part:
    target = Target.parse(str(path))
    with closing(open_container(target)) as container:
        stream = video_stream(container, target)
        whole, tick = announced(container, stream), stream.time_base or FALLBACK_TICK
        length = whole.end or Fraction(0)
        begin = (stream.start_time or 0) * tick
        said = container.metadata.get("creation_time") or stream.metadata.get("creation_time", "")
    recorded = _moment(said) or _moment_in(path.stem)
    return Part(path, begin, length, tick, whole.count, recorded)


def _moment(text: str) -> datetime | None:
    """Read an ISO 8601 time; one without a zone counts as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year >= _EARLIEST else None


def _moment_in(name: str) -> datetime | None:
    found = _IN_NAME.search(name)
    return _moment("{}-{}-{}T{}:{}:{}".format(*found.groups())) if found else None
