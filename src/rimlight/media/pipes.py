"""A named pipe or `<(...)` as a file that can be read once and not sought in."""

from __future__ import annotations

import os
import select
import time
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
