"""Atomic writes: a file is complete or absent. I/O errors become errors of rimlight."""

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
from itertools import count
from pathlib import Path
from typing import TextIO

from rimlight.core.errors import RimlightError, SinkError
from rimlight.system.locks import O_CLOEXEC, O_NOFOLLOW

_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | O_NOFOLLOW | O_CLOEXEC
_MAX_SUFFIX_BYTES = 32
_DEFAULT_MAX_NAME_BYTES = 255
_HEADER_BYTES = 4096
_PNG_HEADER_BYTES = 33
MADE_BY: dict[str, object] = {"made_by": "rimlight"}
"""The first entry of each JSON report."""
GENERATOR = '<meta name="generator" content="rimlight">'
"""The mark in the head of each HTML page."""
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
    """Translate OSError (disk full, permission denied) into `error`.

    Raises:
        SinkError: the block could not write `path`; `error` if another class is given.
    """
    try:
        yield
    except RimlightError:  # some are OSErrors, with a message already
        raise
    except OSError as exc:
        raise error(
            f"cannot write {path}: {exc.strerror or exc}",
            hint="free some space, or choose another location",
        ) from exc


@contextmanager
def atomic_write(path: Path, error: type[RimlightError] = SinkError) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` when the block ends.

    An existing file stays until then. If the block raises, no new file is left. A special file is
    written in place.

    Raises:
        SinkError: it cannot be written; `error` if another class is given.
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
        with contextlib.suppress(OSError):  # the first error is the relevant one
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str, error: type[RimlightError] = SinkError) -> None:
    """Write UTF-8 text atomically.

    Surrogates, as in file names that are not UTF-8, are written as question marks.

    Raises:
        SinkError: it cannot be written; `error` if another class is given.
    """
    write_bytes(path, text.encode(errors="replace"), error)


def write_bytes(path: Path, content: bytes, error: type[RimlightError] = SinkError) -> None:
    """Write bytes atomically.

    Raises:
        SinkError: it cannot be written; `error` if another class is given.
    """
    with atomic_write(path, error) as part:
        part.write_bytes(content)


def open_text(path: Path) -> TextIO:
    """Open a text file to write line by line; a link is replaced, not followed.

    Raises:
        OSError: it cannot be opened.
    """
    if is_special_file(path):
        return path.open("w", encoding="utf-8", newline="")
    if path.is_symlink():
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    return open(os.open(path, flags, 0o666), "w", encoding="utf-8", newline="")


def make_folder(path: Path, error: type[RimlightError] = SinkError) -> None:
    """Create a folder and its parents unless it exists.

    Raises:
        SinkError: it cannot be created; `error` if another class is given.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise error(f"cannot create {path}: {exc.strerror}", hint="choose another folder") from exc


def create_partial_file(path: Path) -> Path:
    """Create the empty temporary file for `path`, in the same folder, with its suffix.

    Its name is random and never an existing one, so a planted link is never followed.

    Raises:
        OSError: it cannot be created.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _MAX_SUFFIX_BYTES else ""
    ending = f".{secrets.token_hex(6)}.part{suffix}"
    part = path.with_name(make_hidden_name(path.with_suffix(""), ending))
    os.close(os.open(part, _CREATE_FLAGS, 0o666))
    return part


def make_hidden_name(path: Path, ending: str) -> str:
    """Return the name of a hidden file for `path`: ".NAME" and `ending`.

    If that is longer than the file system allows, a hash replaces NAME. The result depends on the
    path alone.
    """
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) <= _get_max_name_bytes(path.parent):
        return name
    return f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}{ending}"


def move_into_place(part: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a finished file to `path`, atomically.

    Args:
        part: the file, next to `path`.
        path: its final name.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: the name is taken and `overwrite` is False; `part` is unchanged.
        OSError: it cannot be renamed.
    """
    if overwrite:
        part.replace(path)
        return
    try:
        os.link(part, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # exFAT and some shares have no hard links: reserve the name
        os.close(os.open(path, _CREATE_FLAGS, 0o666))
        part.replace(path)
    else:
        part.unlink()


def find_free_path(path: Path) -> Path:
    """Return `path`, or the first of NAME-2, NAME-3 and so on that is not taken."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return path if not os.path.lexists(path) else next(n for n in names if not os.path.lexists(n))


def is_own_report(path: Path) -> bool:
    """Return True if `path` is a report of rimlight, judged by its header; a link is not."""
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return any(mark.match(head) for mark in _REPORT_PATTERNS)


def sign_png(data: bytes) -> bytes:
    """Add the mark of rimlight to a PNG; other data is returned unchanged."""
    if not data.startswith(b"\x89PNG"):
        return data
    block = b"tEXt" + b"Software\0rimlight"
    chunk = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
    return data[:_PNG_HEADER_BYTES] + chunk + data[_PNG_HEADER_BYTES:]


def is_special_file(path: Path) -> bool:
    """Return True if `path` must be written in place: a pipe, a device, a shell's link.

    Links of the shell are /dev/stdout, and /dev/fd/63 for >(jq); they may lead to a file. All
    other links are replaced, never followed.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        return True
    if path.parent == Path("/dev"):
        return os.path.islink(path)
    return os.path.islink(path) and f"{os.path.realpath(path.parent)}/".startswith(
        _SHELL_LINK_FOLDERS
    )


def _get_max_name_bytes(folder: Path) -> int:
    """Return the maximum length of a file name in `folder`."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return _DEFAULT_MAX_NAME_BYTES
