"""Reads images: one file, the files of a folder or of a list, or the matches of a glob."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.image_files.read import (
    MAX_BYTES,
    MAX_MEGAPIXELS,
    DecodedImage,
    TooLargeError,
    decode_image,
    describe_read_error,
    read_image_file,
)
from rimlight.media.interruptible import PipeReader
from rimlight.sources.image_paths import find_images

_PIPE_WAIT_S = 10.0

_log = logging.getLogger(__name__)


class ImagesSource(SourceTraits):
    """Reads images in the natural order of their names (2.png before 10.png).

    An image that cannot be read is skipped; after the last one an error names all of them.

    Raises:
        SourceOpenError: there is no image to read.
    """

    has_media_clock = True

    class Options(options.Options):
        """Which images."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[
            options.FileName,
            Field(min_length=1, description="a folder, a glob, an image, or @ and a list of them"),
        ]
        recursive: Annotated[bool, Field(description="include subfolders")] = False
        max_megapixels: Annotated[
            float, Field(gt=0, le=1073, description="larger images are refused before decoding")
        ] = MAX_MEGAPIXELS
        interval_s: Annotated[
            options.Seconds, Field(gt=0, description="seconds from one image to the next")
        ] = Fraction(1)
        results: Annotated[
            tuple[Path, ...], Field(description="folders of results, which are skipped")
        ] = ()

    def __init__(self, options: Options) -> None:
        found = find_images(options.path, recursive=options.recursive, excluded=options.results)
        self._base, self._paths = found.base, found.paths
        self._options = options
        self._unread: list[str] = []
        self._multi_image_names: list[str] = []
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
            time_base=options.interval_s,
            is_image_sequence=True,
            notes=(found.note,) if found.note else (),
            image_paths=tuple((self._get_name(path), path) for path in self._paths),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images as BGR frames, `interval_s` apart, named by their path below the folder.

        Raises:
            SourceReadError: some could not be read; all others were yielded.
        """
        while self._first and not self._closed:
            yield self._first.pop()
        yield from self._frames
        if self._multi_image_names and not self._closed:
            _log.warning(
                "%d of %d files hold more pictures than one, the first was taken: %s",
                len(self._multi_image_names),
                len(self._paths),
                _join_first_three(self._multi_image_names, ", "),
            )
        if self._unread and not self._closed:
            count = len(self._paths)
            raise SourceReadError(
                f"{len(self._unread)} of {count} pictures could not be read: "
                + _join_first_three(self._unread, "; "),
                hint="the others were processed; replace these files and run again",
            )

    def close(self) -> None:
        """End the iteration; no file stays open between two images."""
        self._closed = True
        self._first = []

    def _get_name(self, path: Path) -> str:
        return path.relative_to(self._base).as_posix()

    def _read(self) -> Iterator[Frame]:
        index = 0
        for path in self._paths:
            if self._closed:
                return
            name = self._get_name(path)
            try:
                picture = self._read_image(path)
            except (OSError, ValueError) as exc:
                reason = explain_read_error(exc)
                self._unread.append(f"{name}: {reason}")
                _log.warning("skipped %s: %s", path, reason)
                continue
            if picture.count > 1:
                self._multi_image_names.append(f"{name} ({picture.count} pictures)")
            yield Frame.from_bgr(
                picture.bgr,
                index=index,
                pts=index * self._options.interval_s,
                captured_at=time.monotonic(),
                alpha=picture.alpha,
                name=name,
                metadata=picture.metadata,
            )
            index += 1

    def _read_image(self, path: Path) -> DecodedImage:
        limit = self._options.max_megapixels
        # A pipe can be read only once, so the source waits for data if it is the only path.
        if len(self._paths) == 1 and path.is_fifo():
            return decode_image(_read_pipe(path), max_megapixels=limit)
        return read_image_file(path, max_megapixels=limit)


def explain_read_error(error: Exception) -> str:
    """Describe why an image could not be read, and which option helps."""
    more = " (the option max_megapixels raises it)" if isinstance(error, TooLargeError) else ""
    return describe_read_error(error) + more


def _read_pipe(path: Path) -> bytes:
    pipe = PipeReader(path)
    try:
        if not pipe.wait_for_data(_PIPE_WAIT_S):
            raise ValueError(f"nothing came through the pipe for {_PIPE_WAIT_S:g} s")
        pieces, size = [], 0
        while piece := pipe.read(1 << 20):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES:
                raise ValueError("more than 2 GiB come through the pipe")
        return b"".join(pieces)
    finally:
        pipe.close()


def _join_first_three(names: Sequence[str], between: str) -> str:
    return between.join(names[:3]) + (f"{between}..." if len(names) > 3 else "")
