"""What not every disk knows: file locks between processes, and writing data out."""

from __future__ import annotations

import errno
import fcntl
import os
from enum import Enum
from pathlib import Path

_NOT_FLUSHED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems answer that cannot write out one file or folder by itself."""


class Lock(Enum):
    """What came of asking for a lock."""

    HELD = "held"
    TAKEN = "taken"
    """Another process holds it."""
    UNKNOWN = "unknown"
    """The disk knows no locks, as some network shares do not."""


def try_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> Lock:
    """Ask for the lock of an open file, exclusive unless `how` is LOCK_SH, and do not wait.

    Only EWOULDBLOCK means that another process holds the lock; every other error comes from the
    file system.
    """
    return _asked(descriptor, how | fcntl.LOCK_NB)


def wait_for_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> Lock:
    """Wait for the lock of an open file, exclusive unless `how` is LOCK_SH."""
    return _asked(descriptor, how)


def _asked(descriptor: int, how: int) -> Lock:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return Lock.TAKEN
    except OSError:
        return Lock.UNKNOWN
    return Lock.HELD


def is_still(descriptor: int, path: Path) -> bool:
    """Return True if `path` is the open file: another process may have replaced or removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def flush_to_disk(descriptor: int) -> bool:
    """Wait until an open file or folder is on the disk; return False where the disk cannot tell.

    Raises:
        OSError: it cannot be written.
    """
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NOT_FLUSHED:
            raise
        return False
    return True
