"""A named pipe or `<(...)` as a file that can be read once and not sought in."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

_SLICE_S = 0.2
"""How long a wait for bytes may hold up `stop`."""


class PipeReader:
    """Reads a pipe; waits for its writer without blocking for ever.

    Args:
        path: the pipe.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # Opened so, a pipe without a writer does not hold up the caller.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._stopped = False

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as there are bytes, False after `timeout_s` seconds without."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not self._stopped:
            if self._is_ready():
                return True
        return False

    def read(self, size: int) -> bytes:
        """Return 1 to `size` bytes, after `wait`; none at the end, or after `stop`."""
        while not self._stopped:
            # Asked first: a writer that left before this reader came never makes it ready.
            data = self._file.read(size)
            if data is not None:
                return data
            self._is_ready()
        return b""

    def stop(self) -> None:
        """Let a `read` that waits end. Any thread."""
        self._stopped = True

    def close(self) -> None:
        """Close the pipe."""
        self._stopped = True
        self._file.close()

    def _is_ready(self) -> bool:
        return bool(select.select([self._file], [], [], _SLICE_S)[0])


class ReadGuard:
    """Releases a resource once, and never under the feet of the thread that reads it.

    cv2 and FFmpeg crash when a capture is released during a read. The reader wraps each read in
    `with guard as is_open`; `close()` releases at once when nobody reads, and otherwise leaves it
    to the reader, which does so as its read returns. It never waits.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._reading = threading.Lock()
        self._released = False
        self.closed = False
        """`close()` was called; no further read will find the resource open."""

    def __enter__(self) -> bool:
        self._reading.acquire()
        return not self.closed

    def __exit__(self, *_: object) -> None:
        self._reading.release()
        if self.closed:
            self._finish()

    def close(self) -> None:
        """Release the resource now or when the read that is under way returns."""
        self.closed = True
        self._finish()

    def _finish(self) -> None:
        if not self._reading.acquire(blocking=False):
            return  # its holder sees `closed` when it lets go, and comes here itself
        try:
            if not self._released:
                self._released = True
                self._release()
        finally:
            self._reading.release()
