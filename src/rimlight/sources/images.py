"""Pictures: one file, the files of a folder or of a list, or what a glob matches."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight import options
from rimlight.errors import SourceOpenError, SourceReadError
from rimlight.frame import Frame, SourceInfo
from rimlight.imaging.pictures import read_tagged
from rimlight.sources.listing import find

_log = logging.getLogger(__name__)


class ImagesSource:
    """Reads pictures in the natural order of their names (2.png before 10.png).

    A picture that cannot be read is skipped; after the last one an error names them all.

    Raises:
        SourceOpenError: there is nothing to read there.
    """

    class Options(options.Options):
        """Which pictures."""

        main: ClassVar[str | None] = "path"

        path: Annotated[
            options.FileName,
            Field(min_length=1, description="a folder, a glob, a picture, or @ and a list of them"),
        ]
        recursive: Annotated[bool, Field(description="look into folders in the folder")] = False

    def __init__(self, options: Options) -> None:
        self._base, self._paths = find(options.path, recursive=options.recursive)
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
                picture = read_tagged(path)
            except (OSError, ValueError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else exc
                self._unread.append(f"{name}: {reason}")
                _log.warning("skipped %s: %s", path, reason)
                continue
            yield Frame.from_bgr(
                picture.bgr,
                index=index,
                pts=Fraction(index),
                captured=time.monotonic(),
                alpha=picture.alpha,
                name=name,
                tags=picture.tags,
            )
            index += 1
