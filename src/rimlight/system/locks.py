"""File locks between processes, and writes that reach the disk.

The lock is taken on the open file itself, because that file is often the record it protects.
filelock does not fit: it opens a lock file by path, and cannot lock a descriptor that is already
open. Such a lock ends with its holder, follows no link, and a network share without locks is told
from one whose lock is held. fcntl is imported on use, so that importers also load on Windows.
"""

from __future__ import annotations

import errno
import os
from enum import Enum
from pathlib import Path

O_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
O_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
O_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
"""Flags of `os.open` that Windows does not have."""

_NO_FSYNC_ERRORS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""Errors of file systems that cannot flush a single file or folder."""


class LockResult(Enum):
    """The result of requesting a lock."""

    ACQUIRED = "acquired"
    BUSY = "busy"
    """Another process holds it."""
    UNSUPPORTED = "unsupported"
    """The file system has no locks, as on some network shares."""


def try_lock(descriptor: int, *, shared: bool = False) -> LockResult:
    """Lock an open file without waiting; exclusive unless `shared`.

    Only EWOULDBLOCK means that another process holds the lock; every other error comes from the
    file system.
    """
    return _flock(descriptor, shared=shared, blocking=False)


def wait_for_lock(descriptor: int, *, shared: bool = False) -> LockResult:
    """Wait for the lock of an open file; exclusive unless `shared`."""
    return _flock(descriptor, shared=shared, blocking=True)


def _flock(descriptor: int, *, shared: bool, blocking: bool) -> LockResult:
    try:
        import fcntl
    except ImportError:  # Windows
        return LockResult.UNSUPPORTED
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, operation if blocking else operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return LockResult.BUSY
    except OSError:
        return LockResult.UNSUPPORTED
    return LockResult.ACQUIRED


def is_open_file_at(descriptor: int, path: Path) -> bool:
    """Return True if `path` is still the open file, neither replaced nor removed."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def flush_to_disk(descriptor: int) -> bool:
    """Flush an open file or folder to disk; return False if the file system cannot.

    Raises:
        OSError: it cannot be written.
    """
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NO_FSYNC_ERRORS:
            raise
        return False
    return True
