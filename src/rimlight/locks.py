"""File locks between processes, where the disk knows them."""

from __future__ import annotations

import fcntl
import os
from enum import Enum
from pathlib import Path


class Lock(Enum):
    """What came of asking for a lock."""

    HELD = "held"
    TAKEN = "taken"
    """Another process holds it."""
    UNKNOWN = "unknown"
    """The disk knows no locks, as some network shares do not."""


def try_lock(descriptor: int) -> Lock:
    """Ask for the exclusive lock of an open file, and do not wait for it.

    Only EWOULDBLOCK means that another process holds the lock; every other error comes from the
    file system.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Lock.TAKEN
    except OSError:
        return Lock.UNKNOWN
    return Lock.HELD


def wait_for_lock(descriptor: int) -> Lock:
    """Wait for the exclusive lock of an open file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return Lock.UNKNOWN
    return Lock.HELD


def is_still(descriptor: int, path: Path) -> bool:
    """Return True if `path` is the open file: another process may have replaced or removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False
