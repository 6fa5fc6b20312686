"""Files that are whole or not there, and one wording for those that cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rimlight.errors import RimlightError, SinkError


@contextmanager
def writing(path: Path, error: type[RimlightError] = SinkError) -> Iterator[None]:
    """Tell of a disk that is full, or a place where nobody may write, as an `error`.

    Raises:
        SinkError: the block could not write `path`; another `error` where one is named.
    """
    try:
        yield
    except RimlightError:  # some are OSErrors, and say already what was wrong
        raise
    except OSError as exc:
        raise error(
            f"cannot write {path}: {exc.strerror or exc}",
            hint="make room, or choose another place",
        ) from exc


@contextmanager
def replacing(path: Path, error: type[RimlightError] = SinkError) -> Iterator[Path]:
    """Yield a file to write, which becomes `path` when the block is done.

    What was there stays until then; of a block that breaks off, nothing is left. What `stays` is
    written to as it is.

    Raises:
        SinkError: it cannot be written; another `error` where one is named.
    """
    if stays(path):
        with writing(path, error):
            yield path
        return
    part = temporary(path)
    try:
        with writing(path, error):
            yield part
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):  # what matters is told already
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str, error: type[RimlightError] = SinkError) -> None:
    """Write a text as UTF-8; what was there stays until the new one is whole.

    A byte that is no text, as names of old files have them, is written as a question mark.

    Raises:
        SinkError: it cannot be written; another `error` where one is named.
    """
    write_bytes(path, text.encode(errors="replace"), error)


def write_bytes(path: Path, content: bytes, error: type[RimlightError] = SinkError) -> None:
    """Write a file; what was there stays until the new one is whole.

    Raises:
        SinkError: it cannot be written; another `error` where one is named.
    """
    with replacing(path, error) as part:
        part.write_bytes(content)


def make_folder(path: Path, error: type[RimlightError] = SinkError) -> None:
    """Make a folder, with those above it, unless it is there.

    Raises:
        SinkError: it cannot be made; another `error` where one is named.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise error(f"cannot make {path}: {exc.strerror}", hint="name another folder") from exc


def temporary(path: Path) -> Path:
    """Return the name under which `path` is written until it is complete."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def stays(path: Path) -> bool:
    """Whether no new file may take the place of `path`: it is a pipe, a device or a link.

    Links are how a shell names its pipes: /dev/stdout, and /dev/fd/63 for >(jq).
    """
    there = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return there or os.path.islink(path)
