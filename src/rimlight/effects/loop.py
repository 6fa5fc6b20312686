"""A background video that repeats, at its own pace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError
from rimlight.imaging.orientation import from_display_matrix
from rimlight.libav import av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

Image = NDArray[np.uint8]

_log = logging.getLogger(__name__)

_USUAL_RATE = Fraction(25)
_HD_HEIGHT = 720
_UNDECLARED = 2
"""AVCOL_SPC_UNSPECIFIED; players take undeclared HD for BT.709."""
_BT709 = 1


@dataclass(frozen=True, slots=True)
class _Shot:
    """A decoded picture, the second from the video's start at which it shows, and for how long."""

    frame: VideoFrame
    at: Fraction
    lasts: Fraction


class LoopingVideo:
    """Shows the frame of a video that belongs to a moment; after its end it starts again.

    The first moment asked for is the video's start. Only the shown frame and the next one are
    held. Going back in time starts the video anew. A video that breaks off repeats up to there.

    Raises:
        ConfigError: the file holds no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._origin: Fraction | None = None
        self._round = Fraction(0)  # when the present repetition began, counted from the origin
        self._length: Fraction | None = None  # of one repetition, known after the first
        self._container = _open(path)
        self._begin()

    def picture(self, pts: Fraction) -> Image:
        """Return the BGR picture, uint8 (h, w, 3), that shows at `pts` seconds.

        Raises:
            ConfigError: the file can no longer be read.
        """
        if self._origin is None:
            self._origin = pts
        if pts - self._origin < self._round + self._shown.at:
            self._origin, self._round = pts, Fraction(0)
            self._rewind()
        moment = pts - self._origin
        if self._length is None:
            self._advance(moment)
        if self._length is not None and moment - self._round >= self._length:
            self._round += (moment - self._round) // self._length * self._length
            self._rewind()
        self._advance(moment - self._round)
        return self._converted()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _rewind(self) -> None:
        """Open the file anew: not every container can be sought in."""
        self._container.close()
        self._container = _open(self._path)
        self._begin()

    def _begin(self) -> None:
        self._shots = _shots(self._container)
        try:
            first = next(self._shots, None)
        except av.error.FFmpegError as exc:
            self._container.close()
            raise _unreadable(self._path, exc.strerror) from exc
        if first is None:
            self._container.close()
            raise _unreadable(self._path, "it has no frames")
        self._shown, self._next = first, self._decoded()
        self._picture: Image | None = None

    def _advance(self, at: Fraction) -> None:
        while self._next is not None and self._next.at <= at:
            self._shown, self._next, self._picture = self._next, self._decoded(), None
        if self._next is None:
            self._length = self._shown.at + self._shown.lasts

    def _decoded(self) -> _Shot | None:
        try:
            return next(self._shots, None)
        except av.error.FFmpegError as exc:
            if self._length is None:
                _log.warning("the background %s breaks off: %s", self._path, exc.strerror)
            return None

    def _converted(self) -> Image:
        if self._picture is None:
            self._picture = _bgr(self._shown.frame)
        return self._picture


def _open(path: Path) -> InputContainer:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as exc:
        raise _unreadable(path, exc.strerror) from exc
    if not container.streams.video:
        container.close()
        raise _unreadable(path, "it has no video")
    return container


def _shots(container: InputContainer) -> Iterator[_Shot]:
    """Decode from the start, with times that begin at 0 and never fall."""
    rate = container.streams.video[0].average_rate or _USUAL_RATE
    start: Fraction | None = None
    expected = Fraction(0)
    for frame in container.decode(video=0):
        unit = frame.time_base or Fraction(0)
        stamp = None if frame.pts is None else frame.pts * unit
        if start is None:
            start = stamp or Fraction(0)
        at = expected if stamp is None else max(stamp - start, Fraction(0))
        lasts = frame.duration * unit or 1 / rate
        expected = at + lasts
        yield _Shot(frame, at, lasts)


def _bgr(frame: VideoFrame) -> Image:
    """Convert to BGR by the colours the frame declares, the right way up."""
    undeclared = frame.colorspace == _UNDECLARED
    hd = min(frame.width, frame.height) >= _HD_HEIGHT
    matrix = _BT709 if undeclared and hd else None
    made = frame.reformat(format="bgr24", src_colorspace=matrix)
    picture = cast(Image, made.to_ndarray())
    turn = frame.side_data.get("DISPLAYMATRIX")
    if turn is None:
        return picture
    return np.ascontiguousarray(from_display_matrix(bytes(cast(bytes, turn))).apply(picture))


def _unreadable(path: Path, why: str | None) -> ConfigError:
    return ConfigError(
        f"the background {path} cannot be read: {why}",
        hint="give a picture, a video, or a colour such as '#00ff00' or white",
    )
