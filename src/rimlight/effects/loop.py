"""A background video that repeats, at its own pace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError, SourceError
from rimlight.imaging.over import composite_bgr
from rimlight.media.decoder import Decoder
from rimlight.media.film import Film, open_film
from rimlight.media.hdr import refuse_hdr
from rimlight.media.opening import Target
from rimlight.media.shown import Converter, color_of, orientation_of, sample_aspect
from rimlight.system.av import av

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

_log = logging.getLogger(__name__)

_USUAL_RATE = Fraction(25)
_EARLY_S = (0, 10)
"""Transport streams are sought in by decoding time, which is before the first frame's own."""

_THREADS = 2
"""Each thread that decodes holds frames; the run's own film is decoded at the same time."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """A decoded picture, the second from the video's start at which it shows, and for how long."""

    frame: av.VideoFrame
    at: Fraction
    lasts: Fraction


class LoopingVideo:
    """Shows the frame of a video that belongs to a moment; after its end it starts again.

    The first moment asked for is the video's start. Only the shown frame and the next one are
    held. Going back in time starts the video again. A video that breaks off repeats up to there.

    Args:
        path: the file.
        backdrop: (blue, green, red) of what shows through a transparent film.

    Attributes:
        aspect: width to height of one pixel.
        icc: empty, as films have no ICC profile.

    Raises:
        ConfigError: the file holds no video that can be decoded, or it is HDR.
    """

    icc = b""

    def __init__(self, path: Path, backdrop: Color = (0, 0, 0)) -> None:
        self._path = path
        self._backdrop = backdrop
        self._converter = Converter()
        self._origin: Fraction | None = None
        self._round = Fraction(0)  # when the present repetition began, counted from the origin
        self._length: Fraction | None = None  # of one repetition, known after the first
        self._open()
        try:
            refuse_hdr(self._shown.frame, path.name)
        except SourceError as exc:
            self.close()
            raise _unreadable(path, exc) from exc
        self._turned = orientation_of(self._shown.frame)
        self.aspect = sample_aspect(self._film.stream, self._turned)

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
        self._decoder.close()

    def _open(self) -> None:
        try:
            self._film = open_film(Target.parse(str(self._path.absolute())))
        except SourceError as exc:
            raise _unreadable(self._path, exc) from exc
        self._film.use_threads("AUTO", _THREADS)
        self._start()
        if not self._begin():
            self._decoder.close()
            raise _unreadable(self._path, self._decoder.error or "it has no frames")
        self._first_pts = self._shown.frame.pts

    def _rewind(self) -> None:
        """Go back to the start; open the file again where it cannot be sought in.

        A decoder that is used again keeps its memory; a closed one gives it back late.
        """
        if any(self._seek(early_s) for early_s in _EARLY_S):
            return
        self._decoder.close()
        self._open()

    def _seek(self, early_s: int) -> bool:
        """Go back to the first frame, by a seek to `early_s` seconds before it."""
        film = self._film
        unit = film.stream.time_base or Fraction(1)
        try:
            start = (film.stream.start_time or 0) - round(early_s / unit)
            film.container.seek(start, stream=film.stream)
        except av.error.FFmpegError as exc:
            _log.debug("%s cannot be sought in: %s", self._path, exc.strerror)
            return False
        film.context.flush_buffers()
        self._start()
        return self._begin() and self._shown.frame.pts == self._first_pts

    def _start(self) -> None:
        self._decoder = Decoder(self._film)
        self._shots = _shots(self._decoder, self._film)

    def _begin(self) -> bool:
        """Decode the first frame and the one after it; return False where there is none."""
        first = next(self._shots, None)
        if first is None:
            return False
        self._shown, self._next = first, self._decoded()
        self._picture: Image | None = None
        return True

    def _advance(self, at: Fraction) -> None:
        while self._next is not None and self._next.at <= at:
            self._shown, self._next, self._picture = self._next, self._decoded(), None
        if self._next is None:
            self._length = self._shown.at + self._shown.lasts

    def _decoded(self) -> _Shot | None:
        shot = next(self._shots, None)
        broken = self._decoder.error is not None or self._decoder.skipped
        if shot is None and broken and self._length is None:
            _log.warning("the background %s is damaged: what can be read repeats", self._path)
        return shot

    def _converted(self) -> Image:
        if self._picture is None:
            self._picture = self._upright(self._shown.frame)
        return self._picture

    def _upright(self, frame: av.VideoFrame) -> Image:
        """Return BGR by the colors that the frame declares, the right way up, on the backdrop."""
        bgr, alpha = self._converter.to_bgr(frame, color_of(frame))
        if alpha is not None:
            bgr = composite_bgr(bgr, np.full_like(bgr, self._backdrop), alpha)
        return np.ascontiguousarray(self._turned.apply(bgr))


def _shots(decoder: Decoder, film: Film) -> Iterator[_Shot]:
    """Decode from the start, with times that begin at 0 and never fall."""
    rate = film.stream.average_rate or _USUAL_RATE
    unit = film.stream.time_base or Fraction(0)
    start: Fraction | None = None
    expected = Fraction(0)
    for frame in decoder:
        stamp = None if frame.pts is None else frame.pts * unit
        if start is None:
            start = stamp or Fraction(0)
        at = expected if stamp is None else max(stamp - start, Fraction(0))
        lasts = frame.duration * unit or 1 / rate
        expected = at + lasts
        yield _Shot(frame, at, lasts)


def _unreadable(path: Path, why: Exception | str) -> ConfigError:
    reason = getattr(why, "strerror", None) or str(why)
    hint = getattr(why, "hint", None)
    usual = "give a picture, a video, or a color such as '#00ff00' or white"
    return ConfigError(
        f"the background {path} cannot be read: {reason}",
        hint=f"{hint}; or {usual}" if hint else usual,
    )
