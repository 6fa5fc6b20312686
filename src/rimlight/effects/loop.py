"""A background video that repeats, at its own pace."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError
from rimlight.libav import av

Image = NDArray[np.uint8]
_FALLBACK_S = Fraction(1, 25)  # how long the last frame shows when the file does not say


class LoopingVideo:
    """Shows the frame of a video that belongs to a moment; after its end it starts again.

    Only the shown frame and the next are held. Going back in time starts the video anew.

    Raises:
        ConfigError: the file holds no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container = _open(path)
        self._origin: Fraction | None = None
        self._rewind(Fraction(0))

    def picture(self, pts: Fraction) -> Image:
        """Return the BGR picture, uint8 (h, w, 3), that shows at `pts` seconds."""
        if self._origin is None or pts < self._origin:
            self._origin = pts
        moment = pts - self._origin
        if moment < self._started:
            self._rewind(Fraction(0))
        while self._next is None or self._started + self._next[0] <= moment:
            self._advance()
        return self._shown

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _rewind(self, started: Fraction) -> None:
        self._started = started
        self._container.seek(0)
        self._frames = _timed(self._container.decode(video=0))
        first = self._decoded()
        if first is None:
            raise _unreadable(self._path, "it has no frames")
        self._shown = _bgr(first[1])
        self._length = first[0] + _FALLBACK_S
        self._next = self._decoded()

    def _advance(self) -> None:
        if self._next is None:
            self._rewind(self._started + self._length)
            return
        at, frame = self._next
        self._shown = _bgr(frame)
        following = self._decoded()
        self._length = at + (following[0] - at if following else _FALLBACK_S)
        self._next = following

    def _decoded(self) -> tuple[Fraction, av.VideoFrame] | None:
        try:
            return next(self._frames, None)
        except av.error.FFmpegError as exc:
            raise _unreadable(self._path, str(exc)) from exc


def _timed(frames: Iterator[av.VideoFrame]) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yield frames with their times from the first one on."""
    first: Fraction | None = None
    for frame in frames:
        pts = (frame.pts or 0) * (frame.time_base or Fraction(0))
        first = pts if first is None else first
        yield pts - first, frame


def _bgr(frame: av.VideoFrame) -> Image:
    return cast(Image, frame.to_ndarray(format="bgr24"))


def _open(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as exc:
        raise _unreadable(path, str(exc)) from exc
    if not container.streams.video:
        container.close()
        raise _unreadable(path, "it has no video")
    return container


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the background {path} cannot be read: {why}",
        hint="give a picture, a video, or a colour such as '#00ff00' or white",
    )
