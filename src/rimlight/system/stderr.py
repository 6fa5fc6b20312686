"""Native libraries that greet on stderr, where no setting of their own silences them."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# Two threads that load libraries at once must not put back each other's stderr.
_STDERR = threading.Lock()


def _open_buffer() -> IO[bytes]:
    """Return a file to keep bytes in: in memory where the system can, for no disk may have room."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rimlight-stderr"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def filter_stderr(*starts: bytes) -> Iterator[None]:
    """Drop the lines that begin with one of `starts` from what is written to stderr meanwhile.

    It works on file descriptor 2, which such libraries write to directly. Everything else is
    passed on when the block ends.
    """
    if sys.stderr is None:  # the program was started with its stderr closed
        yield
        return
    sys.stderr.flush()
    with _STDERR, _open_buffer() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not line.startswith(starts):
                    os.write(2, line)
