"""Files that are whole or not there, and the folders that they lie in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rimlight.errors import ModelError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file to write, which becomes `path` when the block is done.

    What was there stays until then; of a block that breaks off, nothing is left.

    Raises:
        ModelError: it cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    except OSError as exc:
        raise ModelError(
            f"cannot write {path}: {exc.strerror or exc}",
            hint="make room, or write into another folder",
        ) from exc
    finally:
        with contextlib.suppress(OSError):  # what matters is told already
            part.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Write a file; what was there stays until the new one is whole.

    Raises:
        ModelError: it cannot be written.
    """
    with replacing(path) as part:
        part.write_bytes(content)


def make_folder(path: Path) -> None:
    """Make a folder, with those above it, unless it is there.

    Raises:
        ModelError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ModelError(f"cannot make {path}: {exc.strerror}", hint="name another folder") from exc
