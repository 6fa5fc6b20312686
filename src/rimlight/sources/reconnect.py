"""A live source that outlives its device: lost, it is opened again until it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rimlight.core.config import SourceConfig
from rimlight.core.errors import SourceError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.geometry import fit_image, stretch_i420
from rimlight.imaging.pool import ArrayPool
from rimlight.system import v4l2
from rimlight.system.v4l2 import make_camera_finder

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Source

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.5
"""Pauses between attempts double from the one to the other: back within a second of the device."""

STALE_S = 2.0
"""A camera that is open and has given nothing for so long counts as lost."""

_MICROSECONDS = 1_000_000
_BLACK = (0, 0, 0)


class State(StrEnum):
    """What a live source is doing."""

    OPENING = "opening"
    LIVE = "live"
    LOST = "lost"
    RETRYING = "retrying"
    RESTING = "resting"
    """Closed on purpose, as nobody watches."""


@runtime_checkable
class Reopener(Protocol):
    """Opens a source again, smaller if that is wanted."""

    def __call__(self) -> Source:
        """Open it, by what it is rather than by where it was."""
        ...

    def can_downscale(self) -> bool:
        """Say whether the device has a smaller size of the same shape."""
        ...

    def set_downscaled(self, *, on: bool) -> None:
        """Open it at that size from now on, or at its own."""
        ...


class ReconnectingSource:
    """Yields the frames of a source, and of its successors when it breaks.

    All frames have the size of the first source, and their times go on where the last left off.
    The stream ends when a source ends without an error, or this one is closed.

    Args:
        first: the source, open; this one closes it.
        reopen: opens it again; a `Reopener` can also change its size.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        first: Source,
        reopen: Callable[[], Source] | Reopener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source: Source = first
        self._reopen = reopen
        self._clock = clock
        self._closed = threading.Event()
        self._resting = False
        self._let_go: Source | None = None
        self._pool = ArrayPool()
        self._woken = threading.Event()
        self._state = State.OPENING
        self._last: Frame | None = None
        self._seen_at = clock()
        self._shift = (0, Fraction(0))
        self.info: SourceInfo = first.info
        self.problem = ""
        """Why the source is lost; "" while it is not."""
        self.losses = 0
        """How often it was lost."""

    @property
    def state(self) -> State:
        """What it is doing now. Any thread may ask."""
        is_stale = self._state is State.LIVE and self._clock() - self._seen_at > STALE_S
        return State.LOST if is_stale else self._state

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames, through every loss, until the end."""
        source: Source | None = self._source
        while source is not None:
            self._shift = (0, Fraction(0))
            is_first = True
            try:
                for frame in source:
                    yield self._placed(frame, is_first=is_first)
                    is_first = False
            except (SourceError, OSError) as exc:
                if not self._is_wanted_gone(source):
                    self._lose(exc)
            else:
                if not self._is_wanted_gone(source):
                    return
            source = self._next_source(at_once=self._is_wanted_gone(source))

    def rest(self) -> None:
        """Close the source until `wake`: the camera's light goes out. Any thread."""
        if not self._resting:
            self._woken.clear()
            self._resting = True
            self._source.close()

    def wake(self) -> None:
        """Open the source again after `rest`. Any thread."""
        if self._resting:
            self._woken.set()

    def can_downscale(self) -> bool:
        """Say whether the device has a smaller size of the same shape."""
        return isinstance(self._reopen, Reopener) and self._reopen.can_downscale()

    def set_downscaled(self, *, on: bool) -> None:
        """Take smaller pictures from the device, enlarged to this one's size; or no longer."""
        if isinstance(self._reopen, Reopener):
            self._reopen.set_downscaled(on=on)
            self._let_go = self._source
            self._source.close()

    def stop_waiting(self) -> None:
        """End the iteration if the source is lost or rests. Any thread."""
        self._closed.set()
        self._woken.set()

    def close(self) -> None:
        """End the iteration, also while the source is lost or rests."""
        self.stop_waiting()
        self._source.close()

    def _lose(self, exc: Exception) -> None:
        self._state, self.problem = State.LOST, str(exc)
        self.losses += 1
        log.warning("%s is lost: %s", self.info.name, exc)
        self._source.close()

    def _is_wanted_gone(self, source: Source) -> bool:
        return self._resting or source is self._let_go

    def _next_source(self, *, at_once: bool) -> Source | None:
        """Open the source again, however long it takes; None once this one is closed."""
        pause_s = 0.0 if at_once else FIRST_PAUSE_S
        self._rest()
        while not self._closed.wait(pause_s):
            pause_s = min(max(2 * pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            self._state = State.RETRYING if self.problem else State.OPENING
            try:
                self._source = self._reopen()
            except (SourceError, OSError) as exc:
                self.problem = str(exc)
                self._rest()
                continue
            if not (self._closed.is_set() or self._resting):
                log.info("%s is back", self.info.name)
                return self._source
            self._source.close()  # it was not wanted any more when it had opened
            self._rest()
        return None

    def _rest(self) -> None:
        """Wait while nobody wants the source."""
        if self._resting:
            self._state, self.problem = State.RESTING, ""
            self._woken.wait()
            self._resting = False

    def _placed(self, frame: Frame, *, is_first: bool) -> Frame:
        """Give a frame its place in the one stream, and the stream's size."""
        if is_first and self._last is not None:
            gone_us = round(max(0.0, frame.captured_at - self._last.captured_at) * _MICROSECONDS)
            resumed = self._last.pts + Fraction(max(1, gone_us), _MICROSECONDS)
            self._shift = (self._last.index + 1 - frame.index, resumed - frame.pts)
        if frame.size != self.info.size:
            frame = self._fitted(frame)
        if self._shift[1]:
            index, pts = frame.index + self._shift[0], frame.pts + self._shift[1]
            frame = replace(frame, index=index, pts=pts)
        self._state, self.problem = State.LIVE, ""
        self._seen_at, self._last = self._clock(), frame
        return frame

    def _fitted(self, frame: Frame) -> Frame:
        """Give a frame the stream's size; quickly, if it has its shape."""
        (width, height), size = self.info.size, frame.size
        is_even = not (width % 2 or height % 2)
        if frame.layout == "i420" and is_even and size[0] * height == size[1] * width:
            dst = self._pool.acquire((height * 3 // 2, width))
            stretched = stretch_i420(frame.image, (width, height), dst)
            return replace(frame, image=stretched, size=self.info.size)
        fitted = fit_image(frame.bgr, self.info.size, mode="fit", pad_color=_BLACK)
        return frame.with_bgr(fitted)


class CameraReopener(Reopener):
    """A `Reopener` of a camera that is open now.

    Args:
        part: what it was opened from.
        size: (width, height) of its pictures.
        opener: opens a source by its description.

    Raises:
        OSError: it cannot be asked who it is.
    """

    def __init__(
        self,
        part: SourceConfig,
        size: tuple[int, int],
        opener: Callable[[SourceConfig], Source],
    ) -> None:
        self._part = part
        self._size = size
        self._opener = opener
        self._where = make_camera_finder(part.options.device)
        self._smaller: tuple[int, int] | None = None

    def __call__(self) -> Source:
        """Open it where it is now.

        Raises:
            SourceOpenError: it is not there, or busy.
        """
        size = {"size": "{}x{}".format(*self._smaller)} if self._smaller else {}
        return self._opener(self._part.with_options(device=self._where(), **size))

    def can_downscale(self) -> bool:
        """Return True if it has a smaller size of the same shape."""
        return self._found() is not None

    def set_downscaled(self, *, on: bool) -> None:
        """Open it at that size from now on, or as the part says."""
        self._smaller = self._found() if on else None

    def _found(self) -> tuple[int, int] | None:
        with suppress(OSError):  # it is gone just now, or cannot be asked on this system
            named = str(self._where())
            path = Path(f"/dev/video{named}" if named.isdecimal() else named)
            return v4l2.find_smaller_size(path, self._size)
        return None
