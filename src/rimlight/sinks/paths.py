"""Checks on the place of a result, made before the work starts."""

from __future__ import annotations

import os
from pathlib import Path

from rimlight.errors import SinkError
from rimlight.frame import SourceInfo
from rimlight.writing import stays, writing


def check_folder(path: Path, *, overwrite: bool) -> None:
    """Check that the file `path` can be created.

    Raises:
        SinkError: its folder is missing or not writable, it is a folder itself, or it exists
            and must not be overwritten.
    """
    folder = path.parent
    with writing(path):  # a folder of others may refuse to be looked at
        if not folder.exists():
            raise SinkError(f"there is no folder {folder}", hint=f"mkdir -p {folder}")
        if not folder.is_dir():
            raise SinkError(f"{folder} is not a folder", hint="choose another place")
        if path.is_dir():
            raise SinkError(f"{path} is a folder", hint="name a file in it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"no permission to write in {folder}", hint="choose another folder")
    if path.exists() and not overwrite:
        raise SinkError(f"{path} exists", hint="choose another name, or add --overwrite")


def check_report(path: Path) -> None:
    """Check that a file of text can be written to `path`, over what is there; pipes will do.

    Raises:
        SinkError: its folder is missing or not writable, or it is a folder itself.
    """
    if not stays(path):
        check_folder(path, overwrite=True)


def check_can_be_folder(path: Path) -> None:
    """Check that `path` is a folder that can be written in, or that it can become one.

    Raises:
        SinkError: it is a file, or there is no permission.
    """
    existing = path
    with writing(path):
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
    for source in (info.container, Path(info.name)):
        if source is not None and is_same(path, source):
            raise SinkError(f"{path} is the input itself", hint="write to another name")


def is_same(one: Path, other: Path) -> bool:
    """Tell whether both names lead to one existing file or folder."""
    try:
        return one.samefile(other)
    except OSError:
        return False
