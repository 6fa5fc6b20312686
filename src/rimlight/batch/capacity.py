"""How many jobs a machine can take at once."""

from __future__ import annotations

import os
from pathlib import Path

JOB_BYTES = 500 << 20
"""What one job takes at most while it works on 1080p video."""

_CGROUP = Path("/sys/fs/cgroup")


def jobs_that_fit(count: int) -> int:
    """Return how many of `count` tasks to run at once: as memory and cores allow, at least 1."""
    return max(1, min(count, cores(), free_bytes() // JOB_BYTES))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def free_bytes() -> int:
    """Return the memory that is free, by the system and by the limit of a container."""
    free = _available(Path("/proc/meminfo"))
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    return free if limit is None or used is None else min(free, limit - used)


def _available(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return JOB_BYTES


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such limit; "max" says the same
        return None
