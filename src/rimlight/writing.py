"""One wording for a file that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rimlight.errors import SinkError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell of a disk that is full, or a place where nobody may write, as a `SinkError`.

    Raises:
        SinkError: the block could not write `path`.
    """
    try:
        yield
    except OSError as exc:
        raise SinkError(
            f"cannot write {path}: {exc.strerror or exc}",
            hint="make room, or choose another place",
        ) from exc
