"""Pictures: one file, the files of a folder, or what a glob matches."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from glob import glob
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight import options
from rimlight.errors import SourceOpenError, SourceReadError
from rimlight.frame import Frame, SourceInfo
from rimlight.imaging.pictures import SUFFIXES, read_picture
from rimlight.sources.order import natural

_log = logging.getLogger(__name__)

_WILD = re.compile(r"[*?\[]")


class ImagesSource:
    """Reads pictures in the natural order of their names (2.png before 10.png).

    A picture that cannot be read is skipped; after the last one an error names them all.

    Raises:
        SourceOpenError: there is nothing to read there.
    """

    class Options(options.Options):
        """Which pictures."""

        main: ClassVar[str | None] = "path"

        path: Annotated[str, Field(min_length=1, description="a folder, a glob or a picture")]
        recursive: Annotated[bool, Field(description="look into folders in the folder")] = False

    def __init__(self, options: Options) -> None:
        self._base, self._paths = _find(options.path, recursive=options.recursive)
        self._unread: list[str] = []
        self._closed = False
        self._frames = self._read()
        first = next(self._frames, None)
        if first is None:
            raise SourceOpenError(
                f"no picture can be read: {'; '.join(self._unread[:3])}",
                hint="check that the files are complete pictures",
            )
        self._first: list[Frame] = [first]
        self.info = SourceInfo(
            options.path,
            first.size,
            count=len(self._paths),
            time_base=Fraction(1),
            stills=True,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the pictures as BGR frames, a second apart, named by their path below the folder.

        Raises:
            SourceReadError: some could not be read; all others were yielded.
        """
        while self._first and not self._closed:
            yield self._first.pop()
        yield from self._frames
        if self._unread and not self._closed:
            count = len(self._paths)
            raise SourceReadError(
                f"{len(self._unread)} of {count} pictures could not be read: "
                + "; ".join(self._unread[:3])
                + ("; ..." if len(self._unread) > 3 else ""),
                hint="the others were processed; replace these files and run again",
            )

    def close(self) -> None:
        """End the iteration; no file stays open between two pictures."""
        self._closed = True
        self._first = []

    def _read(self) -> Iterator[Frame]:
        index = 0
        for path in self._paths:
            if self._closed:
                return
            name = path.relative_to(self._base).as_posix()
            try:
                bgr, alpha = read_picture(path)
            except (OSError, ValueError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else exc
                self._unread.append(f"{name}: {reason}")
                _log.warning("skipped %s: %s", path, reason)
                continue
            yield Frame.from_bgr(
                bgr,
                index=index,
                pts=Fraction(index),
                captured=time.monotonic(),
                alpha=alpha,
                name=name,
            )
            index += 1


def _find(text: str, *, recursive: bool) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the pictures in order."""
    path = Path(text).expanduser()
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
    return base, sorted(pictures, key=_order)


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
        found += [Path(root, name) for name in files if _is_picture(name)]
        if not recursive:
            folders.clear()
    return path, found


def _matching(pattern: Path) -> tuple[Path, list[Path]]:
    if not _WILD.search(str(pattern)):
        raise SourceOpenError(
            f"no such file or folder: {pattern}", hint="check the path and its spelling"
        )
    found = [Path(name) for name in glob(str(pattern), recursive=True)]
    pictures = sorted((path for path in found if _is_picture(path.name)), key=_order)
    if not pictures:
        raise SourceOpenError(
            f"no picture matches {pattern}", hint="quote the pattern so that the shell leaves it"
        )
    base = pattern
    while _WILD.search(str(base)):
        base = base.parent
    return base, pictures


def _order(path: Path) -> list[tuple[int, int, str]]:
    return natural(str(path))


def _is_picture(name: str) -> bool:
    is_hidden = name.startswith(".")  # macOS leaves "._photo.jpg", which is no picture
    return not is_hidden and os.path.splitext(name)[1].lower() in SUFFIXES
