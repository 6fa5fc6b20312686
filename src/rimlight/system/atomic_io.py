"""Files that are whole or not there, and one wording for those that cannot be written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rimlight.core.errors import RimlightError, SinkError

_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_SUFFIX_BYTES = 32
_DEFAULT_MAX_NAME_BYTES = 255
_HEADER_BYTES = 4096
_PNG_HEADER_BYTES = 33
MADE_BY: dict[str, object] = {"made_by": "rimlight"}
"""Begins each report in JSON."""
GENERATOR = '<meta name="generator" content="rimlight">'
"""Stands in the head of each page."""
_REPORT_PATTERNS = tuple(
    re.compile(mark, re.DOTALL)
    for mark in (
        rb"\s*<!doctype html>.*" + GENERATOR.encode(),
        rb'\{\s*"made_by": "rimlight"',
        rb'\{"frame": \d+, "time_s": [^,]+, "name": "[^\n]*"objects": \[',
        rb"time_s,[^\n]*,objects\r?\n",
        rb"\x89PNG\r\n\x1a\n.{25}....tEXtSoftware\0rimlight",
    )
)
_SHELL_LINK_FOLDERS = ("/dev/fd/", "/proc/")


@contextmanager
def translate_os_errors(path: Path, error: type[RimlightError] = SinkError) -> Iterator[None]:
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
def atomic_write(path: Path, error: type[RimlightError] = SinkError) -> Iterator[Path]:
    """Yield a file to write, which becomes `path` when the block is done.

    What was there stays until then; of a block that breaks off, nothing is left. What `stays` is
    written to as it is.

    Raises:
        SinkError: it cannot be written; another `error` where one is named.
    """
    if is_special_file(path):
        with translate_os_errors(path, error):
            yield path
        return
    with translate_os_errors(path, error):
        part = create_partial_file(path)
    try:
        with translate_os_errors(path, error):
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
    with atomic_write(path, error) as part:
        part.write_bytes(content)


def open_text(path: Path) -> TextIO:
    """Open a text that grows line by line, over what was there; a link is replaced, not followed.

    Raises:
        OSError: it cannot be opened.
    """
    if is_special_file(path):
        return path.open("w", encoding="utf-8", newline="")
    if path.is_symlink():
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return open(os.open(path, flags, 0o666), "w", encoding="utf-8", newline="")


def make_folder(path: Path, error: type[RimlightError] = SinkError) -> None:
    """Make a folder, with those above it, unless it is there.

    Raises:
        SinkError: it cannot be made; another `error` where one is named.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise error(f"cannot make {path}: {exc.strerror}", hint="name another folder") from exc


def create_partial_file(path: Path) -> Path:
    """Create the empty file in which `path` is written until it is complete.

    It lies next to `path` and keeps its suffix. Nobody can foretell its name, and nothing that has
    a name already is opened, so a link that somebody planted is never followed.

    Raises:
        OSError: it cannot be created.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _MAX_SUFFIX_BYTES else ""
    ending = f".{secrets.token_hex(6)}.part{suffix}"
    part = path.with_name(make_hidden_name(path.with_suffix(""), ending))
    os.close(os.open(part, _CREATE_FLAGS, 0o666))
    return part


def make_hidden_name(path: Path, ending: str) -> str:
    """Return the name of a hidden companion of `path`: ".NAME" and `ending`.

    Where that is longer than the file system allows, a hash stands for NAME. The same path always
    has the same companion.
    """
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) <= _get_max_name_bytes(path.parent):
        return name
    return f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}{ending}"


def move_into_place(part: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name, in one step.

    Args:
        part: the file, next to `path`.
        path: its name from now on.
        overwrite: replace what has that name.

    Raises:
        FileExistsError: something has that name and must stay; `part` is as it was.
        OSError: the name cannot be given.
    """
    if overwrite:
        part.replace(path)
        return
    try:
        os.link(part, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # exFAT and some shares have no hard links: the name is taken first
        os.close(os.open(path, _CREATE_FLAGS, 0o666))
        part.replace(path)
    else:
        part.unlink()


def is_own_report(path: Path) -> bool:
    """Return True if `path` is a report of rimlight, by how it begins; a link is none."""
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return any(mark.match(head) for mark in _REPORT_PATTERNS)


def sign_png(data: bytes) -> bytes:
    """Return a PNG that says that rimlight made it; other data is returned as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    block = b"tEXt" + b"Software\0rimlight"
    chunk = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
    return data[:_PNG_HEADER_BYTES] + chunk + data[_PNG_HEADER_BYTES:]


def is_special_file(path: Path) -> bool:
    """Return True if no new file may replace `path`: a pipe, a device, or a shell's link to one.

    The shell's links are /dev/stdout, and /dev/fd/63 for >(jq); they may lead to a file. All other
    links are replaced, never followed.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        return True
    if path.parent == Path("/dev"):
        return os.path.islink(path)
    return os.path.islink(path) and f"{os.path.realpath(path.parent)}/".startswith(
        _SHELL_LINK_FOLDERS
    )


def _get_max_name_bytes(folder: Path) -> int:
    """Return how many bytes a name in `folder` may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return _DEFAULT_MAX_NAME_BYTES
