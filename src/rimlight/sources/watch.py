"""A folder that is watched: every picture that lies there, or comes later, until it is closed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight import options
from rimlight.errors import SourceOpenError
from rimlight.frame import Frame, SourceInfo
from rimlight.imaging.pictures import check_whole, read_tagged
from rimlight.sources.listing import in_order, is_picture

_log = logging.getLogger(__name__)

_USUAL_SIZE = (1024, 1024)
State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


class WatchSource:
    """Reads pictures as they come into a folder, and again when they are changed.

    A file is read once two looks, `poll_s` apart, have found it the same, and its end is there: so
    one that is being written or copied is waited for, however long that takes. One that is whole
    and cannot be read is named in the log, and tried again when it changes.

    Args:
        options: which folder.
        wait: waits for so many seconds, and says whether to look again; None for the real clock.

    Raises:
        SourceOpenError: there is no such folder.
    """

    class Options(options.Options):
        """What to watch."""

        main: ClassVar[str | None] = "path"

        path: Annotated[str, Field(min_length=1, description="a folder")]
        recursive: Annotated[bool, Field(description="look into folders in the folder")] = False
        poll_s: Annotated[float, Field(gt=0, description="seconds between two looks")] = 0.5

    def __init__(self, options: Options, *, wait: Callable[[float], bool] | None = None) -> None:
        self._folder = Path(options.path).expanduser()
        if not self._folder.is_dir():
            raise SourceOpenError(
                f"there is no folder {self._folder} to watch", hint=f"mkdir -p {self._folder}"
            )
        self._recursive, self._poll_s = options.recursive, options.poll_s
        self._stopped = threading.Event()
        self._wait = wait or (lambda seconds: not self._stopped.wait(seconds))
        self._seen: dict[Path, State] = {}
        self._done: dict[Path, State] = {}
        self._count = 0
        self.info = SourceInfo(
            options.path,
            self._usual_size(),
            time_base=Fraction(1),
            stills=True,
            notes=(f"watching {self._folder} for pictures; Ctrl-C ends it",),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield pictures as they are whole, a second apart, named by their path in the folder."""
        while not self._stopped.is_set():
            for path in self._whole():
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

    def _whole(self) -> list[Path]:
        """Look into the folder; return what has not changed since the look before and is new."""
        before, self._seen = self._seen, self._states()
        self._done = {path: state for path, state in self._done.items() if path in self._seen}
        ready = [
            path
            for path, state in self._seen.items()
            if before.get(path) == state and self._done.get(path) != state
        ]
        return sorted(ready, key=in_order)

    def _states(self) -> dict[Path, State]:
        found = self._folder.rglob("*") if self._recursive else self._folder.glob("*")
        states = {}
        for path in found:
            inside = path.relative_to(self._folder).parts
            if not is_picture(path.name) or any(part.startswith(".") for part in inside):
                continue
            try:
                status = path.stat()
            except OSError:  # it is gone again
                continue
            states[path] = (status.st_size, status.st_mtime_ns)
        return states

    def _read(self, path: Path) -> Frame | None:
        self._done[path] = self._seen[path]
        try:
            check_whole(path)
            picture = read_tagged(path)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            _log.warning("left out %s until it changes: %s", path, reason)
            return None
        self._count += 1
        return Frame.from_bgr(
            picture.bgr,
            index=self._count - 1,
            pts=Fraction(self._count - 1),
            captured=time.monotonic(),
            alpha=picture.alpha,
            name=path.relative_to(self._folder).as_posix(),
            tags=picture.tags,
        )

    def _usual_size(self) -> tuple[int, int]:
        """Return the size of a picture that is there already: the model is chosen by its shape."""
        for path in sorted(self._states(), key=in_order)[:3]:
            try:
                bgr = read_tagged(path).bgr
            except (OSError, ValueError):
                continue
            return bgr.shape[1], bgr.shape[0]
        return _USUAL_SIZE
