"""Blocking reads that another thread can end: pipes and capture devices."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.2
"""Maximum delay of `stop`."""


class PipeReader:
    """Reads a pipe that another thread can interrupt and whose writer may be absent.

    Raises:
        OSError: the pipe cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # Blocking, the open would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._stopped = False

    def wait_for_data(self, timeout_s: float) -> bool:
        """Return True as soon as data is available, False after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not self._stopped:
            if self._is_ready():
                return True
        return False

    def read(self, size: int) -> bytes:
        """Return 1 to `size` bytes; b"" at the end of the data or after `stop`."""
        while not self._stopped:
            # Read before select: a writer that closed before the open never makes it ready.
            data = self._file.read(size)
            if data is not None:
                return data
            self._is_ready()
        return b""

    def stop(self) -> None:
        """End a waiting `read`. Thread-safe."""
        self._stopped = True

    def close(self) -> None:
        """Close the pipe."""
        self._stopped = True
        self._file.close()

    def _is_ready(self) -> bool:
        return bool(select.select([self._file], [], [], _POLL_S)[0])


class ReleaseGuard:
    """Releases a resource exactly once, and never while another thread reads from it.

    cv2 and FFmpeg crash when a capture is released during a read. The reader wraps each read in
    `with guard as is_open`. `close()` releases the resource immediately if no read is running;
    otherwise the reader releases it when its read returns. `close()` never waits.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._reading = threading.Lock()
        self._released = False
        self.is_closed = False
        """`close()` was called; later reads find the resource closed."""

    def __enter__(self) -> bool:
        self._reading.acquire()
        return not self.is_closed

    def __exit__(self, *_: object) -> None:
        self._reading.release()
        if self.is_closed:
            self._release_if_idle()

    def close(self) -> None:
        """Release the resource now, or when the current read returns."""
        self.is_closed = True
        self._release_if_idle()

    def _release_if_idle(self) -> None:
        if not self._reading.acquire(blocking=False):
            return  # the reader sees `is_closed` in __exit__ and releases it
        try:
            if not self._released:
                self._released = True
                self._release()
        finally:
            self._reading.release()
