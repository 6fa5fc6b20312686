"""Which picture files a user means: a folder, a glob, a list, or one of them."""

from __future__ import annotations

import os
import re
from glob import glob
from pathlib import Path

from rimlight.errors import SourceOpenError
from rimlight.folders import natural
from rimlight.imaging.pictures import SUFFIXES

_WILD = re.compile(r"[*?\[]")


def find(text: str, *, recursive: bool) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the pictures in order.

    Args:
        text: a folder, a glob, a picture, or "@FILE" for a text file with a picture in each line.
        recursive: look into the folders in a folder.

    Raises:
        SourceOpenError: there is none, or no permission to look.
    """
    if text.startswith("@"):
        return _from_list(Path(os.path.expanduser(text[1:])))
    path = Path(os.path.expanduser(text))
    try:
        found = _listed(path, recursive=recursive)
    except OSError as exc:
        raise SourceOpenError(
            f"cannot read {path}: {(exc.strerror or str(exc)).lower()}",
            hint="check the permissions of the folder (ls -ld shows them)",
        ) from exc
    if found is None:
        return _matching(path)
    base, pictures = found
    if not pictures:
        kinds = ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
        deeper = "" if recursive else "; for folders in it set recursive"
        raise SourceOpenError(
            f"there are no pictures in {path}", hint=f"looked for {kinds}{deeper}"
        )
    return base, sorted(pictures, key=in_order)


def _listed(path: Path, *, recursive: bool) -> tuple[Path, list[Path]] | None:
    """Return what lies at an existing path, None where nothing exists.

    Raises:
        OSError: the path may not be looked at.
    """

    def fail(error: OSError) -> None:
        raise error  # os.walk passes over what it may not read, unless told otherwise

    if not path.exists():
        return None
    if not path.is_dir():
        return path.parent, [path]
    found: list[Path] = []
    for root, folders, files in os.walk(path, onerror=fail):
        found += [Path(root, name) for name in files if is_picture(name)]
        if not recursive:
            folders.clear()
    return path, found


def _from_list(file: Path) -> tuple[Path, list[Path]]:
    """Return the pictures that `file` lists, in its order; relative ones lie beside it."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise SourceOpenError(
            f"cannot read the list {file}: {reason}", hint="a text file, one picture in each line"
        ) from exc
    here = Path(os.path.abspath(file)).parent
    paths = [here / Path(os.path.expanduser(line)) for line in map(str.strip, lines) if line]
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        what = f"{missing[0]}, which is not there" if missing else "no picture"
        raise SourceOpenError(f"the list {file} names {what}", hint="correct the list")
    # abspath, as names must not lead out of the base by "..", nor be changed by links.
    paths = [Path(os.path.abspath(path)) for path in paths]
    return Path(os.path.commonpath([path.parent for path in paths])), paths


def _matching(pattern: Path) -> tuple[Path, list[Path]]:
    if not _WILD.search(str(pattern)):
        raise SourceOpenError(
            f"no such file or folder: {pattern}", hint="check the path and its spelling"
        )
    found = [Path(name) for name in glob(str(pattern), recursive=True)]
    pictures = sorted((path for path in found if is_picture(path.name)), key=in_order)
    if not pictures:
        raise SourceOpenError(
            f"no picture matches {pattern}", hint="quote the pattern so that the shell leaves it"
        )
    base = pattern
    while _WILD.search(str(base)):
        base = base.parent
    return base, pictures


def in_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts paths as people do: 2.png before 10.png."""
    return natural(str(path))


def is_picture(name: str) -> bool:
    """Say whether a file of that name is looked at."""
    is_hidden = name.startswith(".")  # macOS leaves "._photo.jpg", which is no picture
    return not is_hidden and os.path.splitext(name)[1].lower() in SUFFIXES
