"""What not every disk knows: file locks between processes, and writing data out."""

from __future__ import annotations

import errno
import fcntl
import os
from enum import Enum
from pathlib import Path

_NOT_FLUSHED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems answer that cannot write out one file or folder by itself."""


class LockResult(Enum):
    """What came of asking for a lock."""

    ACQUIRED = "held"
    BUSY = "taken"
    """Another process holds it."""
    UNSUPPORTED = "unknown"
    """The disk knows no locks, as some network shares do not."""


def try_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> LockResult:
    """Ask for the lock of an open file, exclusive unless `how` is LOCK_SH, and do not wait.

    Only EWOULDBLOCK means that another process holds the lock; every other error comes from the
    file system.
    """
    return _flock(descriptor, how | fcntl.LOCK_NB)


def wait_for_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> LockResult:
    """Wait for the lock of an open file, exclusive unless `how` is LOCK_SH."""
    return _flock(descriptor, how)


def _flock(descriptor: int, how: int) -> LockResult:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return LockResult.BUSY
    except OSError:
        return LockResult.UNSUPPORTED
    return LockResult.ACQUIRED


def is_open_file_at(descriptor: int, path: Path) -> bool:
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
