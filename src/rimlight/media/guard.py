"""Closing a device while another thread still reads from it."""

from __future__ import annotations

import threading
from collections.abc import Callable


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
