"""A folder that is watched: every picture that lies there, or comes later, until it is closed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from shlex import quote
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SourceOpenError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.image_files.read import MAX_MEGAPIXELS, check_complete, read_image_file
from rimlight.sources.images import explain_read_error
from rimlight.system.file_kinds import (
    HEIF_SUFFIXES,
    IMAGE_SUFFIXES,
    RAW_SUFFIXES,
    VIDEO_SUFFIXES,
    get_suffix,
    is_image,
)
from rimlight.system.folders import FolderListing, describe_skipped, list_folder, path_sort_key

_log = logging.getLogger(__name__)

_DEFAULT_SIZE = (1024, 1024)
State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


class WatchFolderSource(SourceTraits):
    """Reads pictures as they come into a folder, and again when they are changed.

    A file is read once two looks, `poll_s` apart, have found it the same, and its end is there: so
    one that is being written or copied is waited for, however long that takes. One that is whole
    and cannot be read is named in the log, and tried again when it changes.

    What an earlier run made is not made again: at the start, a picture is left out that has a newer
    one of its name, of whatever kind, in every folder of `results`.

    Args:
        options: which folder.
        wait: waits the given seconds, returns whether to look again; None for the real clock.

    Raises:
        SourceOpenError: there is no such folder.
    """

    class Options(options.Options):
        """What to watch."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[options.FileName, Field(min_length=1, description="a folder")]
        recursive: Annotated[bool, Field(description="look into folders in the folder")] = False
        poll_s: Annotated[float, Field(gt=0, description="seconds between two looks")] = 0.5
        results: Annotated[
            tuple[Path, ...], Field(description="leave out what has a newer result in all of these")
        ] = ()
        max_megapixels: Annotated[
            float, Field(gt=0, le=1073, description="a larger picture is refused, not decoded")
        ] = MAX_MEGAPIXELS

    def __init__(self, options: Options, *, wait: Callable[[float], bool] | None = None) -> None:
        self._folder = Path(os.path.expanduser(options.path))
        if not os.path.isdir(self._folder):
            if os.path.exists(self._folder):
                raise SourceOpenError(
                    f"{self._folder} is not a folder, so it cannot be watched",
                    hint=f"name the folder that it lies in: {self._folder.parent}",
                )
            raise SourceOpenError(
                f"there is no folder {self._folder} to watch",
                hint=f"mkdir -p {quote(str(self._folder))}",
            )
        self._recursive, self._poll_s = options.recursive, options.poll_s
        self._results, self._limit = options.results, options.max_megapixels
        listing = self._list_files()
        self._reported_suffixes = {get_suffix(path) for path in listing.files}
        self._stopped = threading.Event()
        self._wait = wait or (lambda seconds: not self._stopped.wait(seconds))
        self._seen: dict[Path, State] = {}
        self._dangling: set[Path] = set()
        self._done = self._find_done(options.results)
        self._count = 0
        self.info = SourceInfo(
            options.path,
            self._guess_size(),
            time_base=Fraction(1),
            is_image_sequence=True,
            notes=(
                f"watching {self._folder} for pictures; Ctrl-C ends it",
                *self._list_notes(listing),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield pictures as they are whole, a second apart, named by their path in the folder."""
        while not self._stopped.is_set():
            for path in self._find_ready():
                frame = self._read(path)
                if frame is not None:
                    yield frame
                if self._stopped.is_set():
                    return
            if not self._wait(self._poll_s):
                return

    def stop_waiting(self) -> None:
        """End the iteration; any thread."""
        self._stopped.set()

    def close(self) -> None:
        """End the iteration."""
        self._stopped.set()

    def _find_ready(self) -> list[Path]:
        """Look into the folder; return what has not changed since the look before and is new."""
        before, self._seen = self._seen, self._read_states()
        self._done = {path: state for path, state in self._done.items() if path in self._seen}
        ready = [
            path
            for path, state in self._seen.items()
            if before.get(path) == state and self._done.get(path) != state
        ]
        return sorted(ready, key=path_sort_key)

    def _find_done(self, results: Sequence[Path]) -> dict[Path, State]:
        """Return what lies there and was done by an earlier run."""
        there = self._read_states() if results else {}
        # Where a.jpg and a.tif lie, it cannot be told of which of them a.png was made.
        alike = Counter(path.with_suffix("") for path in there)
        return {
            path: state
            for path, state in there.items()
            if alike[path.with_suffix("")] == 1
            and all(
                _get_newest_change(one / path.relative_to(self._folder)) >= state[1]
                for one in results
            )
        }

    def _list_notes(self, listing: FolderListing) -> list[str]:
        count = len(self._done)
        done = f"left out {count} of them, which have a newer result" if count else ""
        others = [path for path in listing.files if not is_image(path)]
        return [note for note in (done, describe_skipped(others, listing)) if note]

    def _list_files(self) -> FolderListing:
        return list_folder(
            self._folder, recursive=self._recursive, excluded=self._results, strict=False
        )

    def _read_states(self) -> dict[Path, State]:
        states = {}
        for path in self._list_files().files:
            if not is_image(path):
                self._report_kind(path)
                continue
            try:
                status = path.stat()
            except OSError:  # it is gone again, or a link that leads nowhere
                self._report_link(path)
                continue
            states[path] = (status.st_size, status.st_mtime_ns)
        return states

    def _report_kind(self, path: Path) -> None:
        """Say once of each kind of picture or video that it is left out."""
        suffix = get_suffix(path)
        if (
            suffix in VIDEO_SUFFIXES | HEIF_SUFFIXES | RAW_SUFFIXES
            and suffix not in self._reported_suffixes
        ):
            self._reported_suffixes.add(suffix)
            _log.warning("%s", describe_skipped([path]))

    def _report_link(self, path: Path) -> None:
        """Say once of a link that nothing is there."""
        if path.is_symlink() and path not in self._dangling:
            self._dangling.add(path)
            _log.warning("left out %s: the link leads nowhere", path)

    def _read(self, path: Path) -> Frame | None:
        self._done[path] = self._seen[path]
        try:
            check_complete(path)
            picture = read_image_file(path, max_megapixels=self._limit)
        except (OSError, ValueError) as exc:
            _log.warning("left out %s until it changes: %s", path, explain_read_error(exc))
            return None
        if picture.count > 1:
            _log.warning("%s holds %d pictures; the first is taken", path, picture.count)
        self._count += 1
        return Frame.from_bgr(
            picture.bgr,
            index=self._count - 1,
            pts=Fraction(self._count - 1),
            captured_at=time.monotonic(),
            alpha=picture.alpha,
            name=path.relative_to(self._folder).as_posix(),
            metadata=picture.metadata,
        )

    def _guess_size(self) -> tuple[int, int]:
        """Return the size of a picture that is there already: the model is chosen by its shape."""
        for path in sorted(self._read_states(), key=path_sort_key)[:3]:
            try:
                bgr = read_image_file(path).bgr
            except (OSError, ValueError):
                continue
            return bgr.shape[1], bgr.shape[0]
        return _DEFAULT_SIZE


def _get_newest_change(path: Path) -> int:
    """Return when a picture of that name, whatever its suffix, was changed; 0: there is none."""
    kinds = (path.with_suffix(suffix) for suffix in IMAGE_SUFFIXES)
    return max((kind.stat().st_mtime_ns for kind in kinds if kind.is_file()), default=0)
