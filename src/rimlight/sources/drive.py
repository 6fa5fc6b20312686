"""Many video files as one: the loops of a dashcam, joined in time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from rimlight.core import options
from rimlight.core.errors import SourceError, SourceOpenError, SourceReadError
from rimlight.core.frame import Frame
from rimlight.core.wording import counted
from rimlight.sources.footage import look_into, one_drive
from rimlight.sources.recorded import Part, common_tick, lay_out
from rimlight.sources.video import VideoSource

_log = logging.getLogger(__name__)


def _listed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(str(file) for file in look_into(value))
    except SourceOpenError as exc:
        raise ValueError(f"{exc}; {exc.hint}") from exc


class DriveSource:
    """Reads video files one after the other, each frame at its own time within its file.

    A file that is damaged or of another size is left out, or ends early; after the last one an
    error names them all. There is no sound: it belongs to the single files.

    Raises:
        SourceOpenError: not one of the files opens.
    """

    class Options(options.Options):
        """Which files."""

        main: ClassVar[str | None] = "paths"

        paths: Annotated[
            tuple[options.FileName, ...],
            BeforeValidator(_listed),
            Field(min_length=1, description="video files in any order, a folder, or one glob"),
        ]

    def __init__(self, options: Options) -> None:
        paths = [Path(os.path.expanduser(name)) for name in options.paths]
        footage = one_drive(paths)
        paths, layout = list(footage.files), lay_out(footage.files)
        self._parts, self._unread = layout.parts, list(layout.unread)
        self._closed = False
        self._open = self._first()
        first = self._open.info
        counts = [part.frames for part in self._parts]
        self.info = replace(
            first,
            name=first.name if len(paths) == 1 else f"{first.name} and {len(paths) - 1} more",
            count=None if self._unread or None in counts else sum(count or 0 for count in counts),
            time_base=common_tick([part.tick for part in self._parts]),
            duration_s=float(sum(part.length for part in self._parts)),
            container=None,
            origin=Fraction(0),
            notes=(*footage.notes, *layout.notes, *first.notes),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames of all files.

        Raises:
            SourceReadError: some of them could not be read to their end; all else was yielded.
        """
        index, free = 0, Fraction(0)
        tick = self.info.time_base or Fraction(1)
        for part in self._parts:
            start = max(part.start, ceil(free / tick) * tick)
            for frame in self._frames(part, start):
                free = frame.pts + (frame.duration or tick)
                yield replace(frame, index=index)
                index += 1
        if self._unread and not self._closed:
            raise SourceReadError(
                f"{counted(len(self._unread), 'file')} of the drive could not be read whole: "
                + "; ".join(self._unread),
                hint="what could be read of them, and all others, were processed",
            )

    def close(self) -> None:
        """Close the file that is being read."""
        self._closed = True
        self._open.close()

    def _first(self) -> VideoSource:
        """Open the first file that gives a picture; those before it are left out."""
        while True:
            try:
                return _opened(self._parts[0])
            except SourceOpenError as exc:
                self._unread.append(str(exc))
                if len(self._parts) == 1:
                    raise
                self._parts = self._parts[1:]

    def _frames(self, part: Part, start: Fraction) -> Iterator[Frame]:
        """Yield what can be read of one file, its first frame at `start`."""
        if self._closed:
            return
        try:
            if part is not self._parts[0]:
                self._open = _opened(part)
            with closing(self._open) as source:
                if source.info.size != self.info.size or source.info.color != self.info.color:
                    self._leave_out(f"{part.path.name} has another size or colors than the first")
                    return
                first: Fraction | None = None
                for frame in source:
                    first = frame.pts if first is None else first
                    yield replace(frame, pts=start + frame.pts - first)
        except SourceError as exc:
            self._leave_out(str(exc))

    def _leave_out(self, reason: str) -> None:
        self._unread.append(reason)
        _log.warning("%s", reason)


def _opened(part: Part) -> VideoSource:
    return VideoSource(VideoSource.Options(path=str(part.path)))
