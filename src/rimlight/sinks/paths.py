"""Checks on the place of a result, made before the work starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rimlight.core.errors import SinkError
from rimlight.core.frame import SourceInfo
from rimlight.system.atomic_io import is_own_report, is_special_file, translate_os_errors
from rimlight.system.file_kinds import WRITABLE_IMAGE_SUFFIXES

ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff")

FileId = tuple[int, int]
"""Device and number of a file: all its names have the same one."""


def check_writable_file(path: Path, *, overwrite: bool) -> None:
    """Check that the file `path` can be created.

    Raises:
        SinkError: its folder is missing or not writable, it is a folder itself, or it exists
            and must not be overwritten.
    """
    folder = path.parent
    with translate_os_errors(path):  # a folder of others may refuse to be looked at
        if not folder.exists():
            raise SinkError(f"there is no folder {folder}", hint=f"mkdir -p {folder}")
        if not folder.is_dir():
            raise SinkError(f"{folder} is not a folder", hint="choose another place")
        if path.is_dir():
            raise SinkError(f"{path} is a folder", hint="name a file in it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"no permission to write in {folder}", hint="choose another folder")
    if os.path.lexists(path) and not overwrite:
        raise SinkError(f"{path} exists", hint="choose another name, or add --overwrite")


def check_report(path: Path, *, overwrite: bool = False) -> None:
    """Check that a report can be written to `path`; pipes and devices will do.

    A report that rimlight wrote may be replaced by the next one.

    Raises:
        SinkError: its folder is missing or not writable, it is a folder itself, or somebody
            else's file has that name.
    """
    if not is_special_file(path):
        check_writable_file(path, overwrite=overwrite or is_own_report(path))


def check_reports(folder: Path, names: Iterable[str], *, overwrite: bool = False) -> None:
    """Check that reports of these names can be written to a folder, which may be missing.

    Raises:
        SinkError: somebody else's file has one of the names, or something that is no file.
    """
    for path in (folder / name for name in names):
        if os.path.lexists(path) and not overwrite and not is_own_report(path):
            raise SinkError(
                f"{path} exists, and is no report of rimlight",
                hint="choose another folder, or add --overwrite",
            )


def check_unused(path: Path, *, overwrite: bool) -> None:
    """Check that nothing has the name of a file whose folder may be missing.

    Raises:
        SinkError: it exists and must not be overwritten, or is a folder.
    """
    if os.path.lexists(path):
        check_writable_file(path, overwrite=overwrite)


def check_can_be_folder(path: Path) -> None:
    """Check that `path` is a folder that can be written in, or that it can become one.

    Raises:
        SinkError: it is a file, or there is no permission.
    """
    existing = path
    with translate_os_errors(path):
        while not existing.exists():
            existing = existing.parent
    if not existing.is_dir():
        raise SinkError(f"{existing} is not a folder", hint="choose another place")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SinkError(f"no permission to write in {existing}", hint="choose another folder")


def check_not_source(path: Path, info: SourceInfo) -> None:
    """Check that writing `path` does not destroy what is being read.

    Raises:
        SinkError: `path` is the input.
    """
    for source in (info.media_path, Path(info.name)):
        if source is not None and is_same(path, source):
            raise SinkError(f"{path} is the input itself", hint="write to another name")


def get_file_id(path: Path) -> FileId | None:
    """Return what is the same for all names of a file, links to it included; None without one."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def get_file_ids(paths: Iterable[Path]) -> frozenset[FileId]:
    """Return the identity of each of `paths` that exists."""
    return frozenset(known for path in paths if (known := get_file_id(path)) is not None)


def is_same(one: Path, other: Path) -> bool:
    """Tell whether both names lead to one existing file or folder."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def is_single_image(path: Path) -> bool:
    """Return True if `path` names a picture rather than a folder."""
    return path.suffix.lower() in WRITABLE_IMAGE_SUFFIXES


def can_hold_alpha(path: Path, kind: str) -> bool:
    """Return True if pictures written to `path`, in the format `kind`, can hold alpha."""
    if is_single_image(path):
        return path.suffix.lower() in ALPHA_SUFFIXES
    return kind != "jpg"
