"""A disk that takes no more, made with the process's own limit on the size of a file."""

import resource
import signal
from contextlib import contextmanager


@contextmanager
def files_of_at_most(size):
    """No file grows beyond `size` bytes while the block lasts: writing fails with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
