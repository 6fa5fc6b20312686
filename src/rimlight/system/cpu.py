"""The number of processor cores for decoder, model and encoder."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def count_usable_cores(quota: Path = _QUOTA) -> int:
    """Return the number of cores that this process may use, at least 1.

    Args:
        quota: file with the limit of a container: "200000 100000" for two cores, "max 100000".
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    try:
        share, _, period = quota.read_text(encoding="ascii").partition(" ")
    except OSError:  # no container, or another system
        return count
    return min(count, max(1, -(-int(share) // int(period)))) if share.isdecimal() else count
