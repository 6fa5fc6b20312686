"""A filter for messages of native libraries on stderr that no setting disables."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# Threads that load libraries at the same time must not restore each other's stderr.
_STDERR = threading.Lock()


def _open_buffer() -> IO[bytes]:
    """Open a temporary file, in memory if possible, because the disk may be full."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rimlight-stderr"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def filter_stderr(*starts: bytes) -> Iterator[None]:
    """Drop lines that begin with one of `starts` from stderr during the block.

    Works on file descriptor 2, which native libraries write to. All other lines are written when
    the block ends.
    """
    if sys.stderr is None:  # the program was started with its stderr closed
        yield
        return
    sys.stderr.flush()
    with _STDERR, _open_buffer() as buffer:
        stderr = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            buffer.seek(0)
            for line in buffer:
                if not line.startswith(starts):
                    os.write(2, line)
