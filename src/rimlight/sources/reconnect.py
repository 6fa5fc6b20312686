"""Reconnects a live source: opens a lost device again until it is back."""

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
from rimlight.sources.frame_fitter import FrameFitter
from rimlight.system import v4l2
from rimlight.system.v4l2 import make_camera_finder

if TYPE_CHECKING:
    from rimlight.core.protocols import Source

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.5
"""Pauses between attempts double from the first to the longest value."""

STALE_S = 2.0
"""An open camera that has delivered nothing for this time counts as lost."""

_MICROSECONDS = 1_000_000


class State(StrEnum):
    """The states of a live source."""

    OPENING = "opening"
    LIVE = "live"
    LOST = "lost"
    RETRYING = "retrying"
    SUSPENDED = "suspended"
    """Closed on purpose, because no program reads the output."""


@runtime_checkable
class Reopener(Protocol):
    """Opens a source again, at a smaller size if requested."""

    def __call__(self) -> Source:
        """Open the same device, even at another path."""
        ...

    def can_downscale(self) -> bool:
        """Return True if the device has a smaller size of the same aspect ratio."""
        ...

    def set_downscaled(self, *, on: bool) -> None:
        """Open it at the smaller size from now on, or at its original size."""
        ...


class ReconnectingSource:
    """Yields the frames of a source, and reopens it when it fails.

    All frames have the size of the first source, and their times continue after those of the last.
    The stream ends when a source ends without an error, or when it is closed.

    Args:
        first: the open source, which is closed with this one.
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
        self._is_suspended = False
        self._released: Source | None = None
        self._prepared: Source | None = None
        self._fitter = FrameFitter(first.info.size)
        self._woken = threading.Event()
        self._state = State.OPENING
        self._last: Frame | None = None
        self._seen_at = clock()
        self._shift = (0, Fraction(0))
        self.info: SourceInfo = first.info
        self.problem = ""
        """Why the source is lost; "" if it is not lost."""
        self.losses = 0
        """The number of times the source was lost."""

    @property
    def state(self) -> State:
        """The current state. Any thread may read it."""
        is_stale = self._state is State.LIVE and self._clock() - self._seen_at > STALE_S
        return State.LOST if is_stale else self._state

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the end; a lost source is reopened."""
        source: Source | None = self._source
        while source is not None:
            self._shift = (0, Fraction(0))
            is_first = True
            try:
                for frame in source:
                    yield self._place_in_stream(frame, is_first=is_first)
                    is_first = False
            except (SourceError, OSError) as exc:
                if not self._is_closed_on_purpose(source):
                    self._record_loss(exc)
            else:
                if not self._is_closed_on_purpose(source):
                    return
            source = self._reopen_source(at_once=self._is_closed_on_purpose(source))

    def suspend(self) -> None:
        """Close the source until `wake`; the camera's light goes out. Any thread may call this."""
        if not self._is_suspended:
            self._woken.clear()
            self._is_suspended = True
            self._source.close()

    def wake(self) -> None:
        """Open the source again after `suspend`. Any thread may call this."""
        if self._is_suspended:
            self._woken.set()

    def can_downscale(self) -> bool:
        """Return True if the device has a smaller size of the same aspect ratio."""
        return isinstance(self._reopen, Reopener) and self._reopen.can_downscale()

    def set_downscaled(self, *, on: bool) -> None:
        """Read smaller frames from the device and scale them up; or stop doing so."""
        if isinstance(self._reopen, Reopener):
            self._reopen.set_downscaled(on=on)
            self._released = self._source
            self._source.close()

    def switch_to(self, other: Source, reopen: Callable[[], Source] | Reopener) -> None:
        """Continue with the frames of another source, at the size of the first.

        Args:
            other: open; it is closed with this one.
            reopen: opens it again.
        """
        skipped, self._prepared = self._prepared, other
        self._reopen, self._released = reopen, self._source
        self._source.close()
        if skipped is not None:
            skipped.close()

    def stop_waiting(self) -> None:
        """End the iteration if the source is lost or suspended. Any thread may call this."""
        self._closed.set()
        self._woken.set()

    def close(self) -> None:
        """End the iteration, also while the source is lost or suspended."""
        self.stop_waiting()
        self._source.close()
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.close()

    def _record_loss(self, exc: Exception) -> None:
        self._state, self.problem = State.LOST, str(exc)
        self.losses += 1
        log.warning("%s is lost: %s", self.info.name, exc)
        self._source.close()

    def _is_closed_on_purpose(self, source: Source) -> bool:
        return self._is_suspended or source is self._released

    def _reopen_source(self, *, at_once: bool) -> Source | None:
        """Open the source again, retrying until it opens; None after `close`."""
        pause_s = 0.0 if at_once else FIRST_PAUSE_S
        self._wait_while_suspended()
        while not self._closed.wait(pause_s):
            pause_s = min(max(2 * pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            self._state = State.RETRYING if self.problem else State.OPENING
            try:
                prepared, self._prepared = self._prepared, None
                self._source = prepared or self._reopen()
            except (SourceError, OSError) as exc:
                self.problem = str(exc)
                self._wait_while_suspended()
                continue
            if not (self._closed.is_set() or self._is_suspended):
                log.info("%s is back", self.info.name)
                return self._source
            self._source.close()  # closed or suspended while it opened
            self._wait_while_suspended()
        return None

    def _wait_while_suspended(self) -> None:
        """Wait until `wake` if the source is suspended."""
        if self._is_suspended:
            self._state, self.problem = State.SUSPENDED, ""
            self._woken.wait()
            self._is_suspended = False

    def _place_in_stream(self, frame: Frame, *, is_first: bool) -> Frame:
        """Set the index, the time and the size of a frame to those of the stream."""
        if is_first and self._last is not None:
            gone_us = round(max(0.0, frame.captured_at - self._last.captured_at) * _MICROSECONDS)
            resumed = self._last.pts + Fraction(max(1, gone_us), _MICROSECONDS)
            self._shift = (self._last.index + 1 - frame.index, resumed - frame.pts)
        frame = self._fitter.fit(frame)
        if self._shift[1]:
            index, pts = frame.index + self._shift[0], frame.pts + self._shift[1]
            frame = replace(frame, index=index, pts=pts)
        self._state, self.problem = State.LIVE, ""
        self._seen_at, self._last = self._clock(), frame
        return frame


class CameraReopener(Reopener):
    """Reopens a camera.

    Args:
        part: the description that it was opened from.
        size: (width, height) of its frames.
        opener: opens a source by its description.

    Raises:
        OSError: the camera cannot be identified.
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
        """Open the camera at its current path.

        Raises:
            SourceOpenError: it is missing, or busy.
        """
        size = {"size": "{}x{}".format(*self._smaller)} if self._smaller else {}
        return self._opener(self._part.with_options(device=self._where(), **size))

    def can_downscale(self) -> bool:
        """Return True if it has a smaller size of the same aspect ratio."""
        return self._find_smaller_size() is not None

    def set_downscaled(self, *, on: bool) -> None:
        """Open it at the smaller size from now on, or as described."""
        self._smaller = self._find_smaller_size() if on else None

    def _find_smaller_size(self) -> tuple[int, int] | None:
        with suppress(OSError):  # disconnected, or not supported on this system
            named = str(self._where())
            path = Path(f"/dev/video{named}" if named.isdecimal() else named)
            return v4l2.find_smaller_size(path, self._size)
        return None
