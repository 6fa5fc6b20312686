"""How many jobs a machine can take at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rimlight.system.cpu import count_usable_cores

JOB_BYTES = 500 << 20
"""What one job takes at most while it works on 1080p video."""

_CGROUP = Path("/sys/fs/cgroup")


def jobs_that_fit(count: int) -> int:
    """Return how many of `count` tasks to run at once: as memory and cores allow, at least 1."""
    free = free_bytes()
    fitting = count if free is None else free // JOB_BYTES
    return max(1, min(count, count_usable_cores(), fitting))


def free_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int | None:
    """Return the memory that is free, by the system and by the limit of a container.

    Returns:
        None where the system does not tell.
    """
    free = _named(meminfo, "MemAvailable:")
    limit, used = _named(cgroup / "memory.max"), _named(cgroup / "memory.current")
    bounds = [] if free is None else [free << 10]
    if limit is not None and used is not None:
        # Files that were read count as used, and make room when a program needs it.
        bounds.append(limit - used + (_named(cgroup / "memory.stat", "inactive_file") or 0))
    return min(bounds, default=None)


def _named(path: Path, name: str = "") -> int | None:
    """Return the number after `name` at the start of a line; None: there is none, or "max"."""
    for words in _lines(path):
        if not name or words[0] == name:
            number = words[1 if name else 0]
            return int(number) if number.isdecimal() else None
    return None


def _lines(path: Path) -> Iterable[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="ascii").splitlines() if line]
    except OSError:
        return []
