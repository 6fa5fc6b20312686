"""What can stand behind a person: a color, a picture, a video."""

from __future__ import annotations

import logging
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rimlight.core.addresses import hide_secrets
from rimlight.core.errors import ConfigError, MissingDependencyError, SourceError
from rimlight.core.frame import Frame
from rimlight.imaging.color import bgr_to_i420, round_up_to_even
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.geometry import Fit, fit_image
from rimlight.imaging.image_files.metadata import convert_profile
from rimlight.imaging.image_files.read import MAX_MEGAPIXELS, describe_read_error, read_image_file
from rimlight.imaging.palette import Bgr, is_color, parse_color
from rimlight.media.container import MediaLocation, VideoInput, open_video
from rimlight.media.decoder import Decoder
from rimlight.media.frame_conversion import (
    SwscaleConverter,
    check_not_hdr,
    compute_sample_aspect,
    read_color_space,
    read_orientation,
)
from rimlight.media.paths import is_network_address, strip_file_scheme
from rimlight.system.av import av
from rimlight.system.file_kinds import (
    can_be_animated,
    describe_other_format,
    is_still_image,
    read_header,
)
from rimlight.system.folders import list_files

if TYPE_CHECKING:
    from rimlight.imaging.image_files.pillow import AnimationFrame

Image = NDArray[np.uint8]

_HINT = "give a picture, a video, or a color such as '#00ff00' or white"

_log = logging.getLogger(__name__)
_USUAL_RATE = Fraction(25)
_EARLY_S = (0, 10)
"""Transport streams are sought in by decoding time, which is before the first frame's own."""
_THREADS = 2
"""Each thread that decodes holds frames; the run's own film is decoded at the same time."""


class Background(Protocol):
    """A picture for any moment."""

    @property
    def aspect(self) -> Fraction:
        """Width to height of one of its pixels."""
        ...

    @property
    def icc(self) -> bytes:
        """The ICC profile of its colors; empty for sRGB."""
        ...

    def read_frame(self, pts: Fraction) -> Image:
        """Return uint8 (h, w, 3) BGR for that moment; the same array as long as it lasts."""
        ...

    def close(self) -> None:
        """Release what it opened."""
        ...


class StillBackground:
    """The same picture at every moment.

    Attributes:
        aspect: width to height of one of its pixels.
        icc: the ICC profile of its colors; empty for sRGB.
    """

    aspect = Fraction(1)

    def __init__(self, picture: Image, icc: bytes = b"") -> None:
        self._picture = picture
        self.icc = icc

    def read_frame(self, pts: Fraction) -> Image:
        """Return the picture."""
        return self._picture

    def close(self) -> None:
        """Nothing to release."""


class FittedBackground:
    """A background at the size, layout and color of whatever frame it stands behind.

    It is fitted once and kept until the frame's form or the picture changes.
    """

    def __init__(self, background: Background, fit: Fit, pad_color: Bgr) -> None:
        self._background = background
        self._fit = fit
        self._pad_color = pad_color
        self._made_from: Image | None = None
        self._made_for: tuple[object, ...] = ()
        self._made: Image = np.empty((0, 0), np.uint8)

    def fit_to(self, frame: Frame) -> Image:
        """Return it as uint8 (h, w, 3) for a "bgr" frame, as (rows*3/2, columns) for "i420"."""
        picture = self._background.read_frame(frame.pts)
        form = (frame.size, frame.layout, frame.color, frame.sample_aspect, frame.metadata.icc)
        if picture is not self._made_from or form != self._made_for:
            self._made = self._fitted(picture, frame)
            self._made_from, self._made_for = picture, form
        return self._made

    def close(self) -> None:
        """Release the background."""
        self._background.close()

    def _fitted(self, picture: Image, frame: Frame) -> Image:
        planar = frame.layout == "i420"
        size = round_up_to_even(frame.size) if planar else frame.size
        fitted = fit_image(
            picture,
            size,
            mode=self._fit,
            pad_color=_in_colors_of(self._background.icc, self._pad_color),
            aspect=self._background.aspect / frame.sample_aspect,
        )
        fitted = convert_profile(fitted, self._background.icc, frame.metadata.icc)
        return bgr_to_i420(fitted, frame.color) if planar else fitted


def open_background(text: str, *, fit: Fit, pad_color: Bgr) -> FittedBackground:
    """Open a background by what the user wrote: a color, a picture, a video, slides, a screen.

    Args:
        text: a color is looked for first; `./white` is the file of that name. Of a folder the
            first image is shown; "screen" and "screen:AREA" are the screen.
        fit: how pictures and videos meet a frame of other proportions.
        pad_color: what shows beside and through them.

    Raises:
        ConfigError: it is neither, or the file cannot be read.
    """
    if is_color(text):
        flat = np.full((2, 2, 3), parse_color(text), np.uint8)
        return FittedBackground(StillBackground(flat), "stretch", pad_color)
    if is_screen(text):
        return FittedBackground(_open_screen(text.partition(":")[2]), fit, pad_color)
    path = Path(os.path.expanduser(strip_file_scheme(text)))
    if os.path.isdir(path):
        path = find_first_slide(path)
    _check_file(text, path)
    return FittedBackground(_opened(path, pad_color), fit, pad_color)


def find_first_slide(folder: Path) -> Path:
    """Return the first image of a folder, in the natural order of names.

    Raises:
        ConfigError: it has none, or cannot be read.
    """
    try:
        paths = list_files(folder)
    except OSError as exc:
        raise ConfigError(f"the folder {folder} cannot be read: {exc.strerror}") from exc
    if not paths:
        raise ConfigError(
            f"there is no picture in the folder {folder}",
            hint="put images into it; pages of a PDF: pdftoppm -png talk.pdf slides/page",
        )
    return paths[0]


def is_screen(text: str) -> bool:
    """Return True for "screen" and "screen:AREA", unless a file has that name."""
    return text.partition(":")[0] == "screen" and not os.path.exists(text)


def _open_screen(area: str) -> Background:
    try:
        from rimlight.effects.screen_background import ScreenBackground
    except ModuleNotFoundError as exc:
        raise MissingDependencyError(
            f"the screen as a background needs the package {exc.name}",
            hint="pip install 'rimlight[screen]'",
        ) from exc
    return ScreenBackground(area)


def _opened(path: Path, pad_color: Bgr) -> Background:
    if can_be_animated(str(path)):
        return LoopingAnimation(path, pad_color)
    return _read(path, pad_color) if is_still_image(str(path)) else LoopingVideo(path, pad_color)


def _check_file(text: str, path: Path) -> None:
    """Check that `path` is a file of a kind that may stand behind a person.

    Raises:
        ConfigError: it is not.
    """
    shown, hint = f"there is no background {text!r}", _HINT
    if is_network_address(text):
        shown = f"the background {hide_secrets(text)} is an address"
        hint = "download it first, and give the file"
    elif os.path.isfile(path):  # not `is_file`, which raises where a name is too long
        found = describe_other_format(read_header(str(path)))
        if not found or found == "a video":
            return
        shown = f"the background {path} is {found}"
        hint = f"convert it to a PNG first; or {_HINT}"
    elif os.path.exists(path):
        shown, hint = f"the background {path} is a pipe or a device", f"write it to a file; {_HINT}"
    raise ConfigError(shown, hint=hint)


def _read(path: Path, pad_color: Bgr) -> StillBackground:
    """Read a picture; `pad_color` shows where it is transparent."""
    try:
        read = read_image_file(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"the background {path} cannot be read: {describe_read_error(exc)}",
            hint="use a JPEG, PNG, WebP, BMP or TIFF picture",
        ) from exc
    if read.alpha is None:
        return StillBackground(read.bgr, read.metadata.icc)
    behind = np.full_like(read.bgr, _in_colors_of(read.metadata.icc, pad_color))
    return StillBackground(composite_bgr(read.bgr, behind, read.alpha), read.metadata.icc)


def _in_colors_of(icc: bytes, color: Bgr) -> Bgr:
    """Return an sRGB color as the numbers that stand for it in another profile."""
    blue, green, red = convert_profile(np.full((1, 1, 3), color, np.uint8), b"", icc)[0, 0]
    return int(blue), int(green), int(red)


@dataclass(frozen=True, slots=True)
class _TimedFrame:
    """A decoded picture, the second from the video's start at which it shows, and for how long."""

    frame: av.VideoFrame
    start: Fraction
    duration: Fraction


class LoopingVideo:
    """Shows the frame of a video that belongs to a moment; after its end it starts again.

    The first moment asked for is the video's start. Only the shown frame and the next one are
    held. Going back in time starts the video again. A video that breaks off repeats up to there.

    Args:
        path: the file.
        pad_color: (blue, green, red) of what shows through a transparent film.

    Attributes:
        aspect: width to height of one pixel.
        icc: empty, as films have no ICC profile.

    Raises:
        ConfigError: the file holds no video that can be decoded, or it is HDR.
    """

    icc = b""

    def __init__(self, path: Path, pad_color: Bgr = (0, 0, 0)) -> None:
        self._path = path
        self._pad_color = pad_color
        self._converter = SwscaleConverter()
        self._origin: Fraction | None = None
        self._round = Fraction(0)  # when the present repetition began, counted from the origin
        self._length: Fraction | None = None  # of one repetition, known after the first
        self._open()
        try:
            check_not_hdr(self._shown.frame, path.name)
        except SourceError as exc:
            self.close()
            raise _unreadable(path, exc) from exc
        self._turned = read_orientation(self._shown.frame)
        self.aspect = compute_sample_aspect(self._film.stream, self._turned)

    def read_frame(self, pts: Fraction) -> Image:
        """Return the BGR picture, uint8 (h, w, 3), that shows at `pts` seconds.

        Raises:
            ConfigError: the file can no longer be read.
        """
        if self._origin is None:
            self._origin = pts
        if pts - self._origin < self._round + self._shown.start:
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
            self._film = open_video(MediaLocation.parse(str(self._path.absolute())))
        except SourceError as exc:
            raise _unreadable(self._path, exc) from exc
        self._film.set_threads("AUTO", _THREADS)
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
        while self._next is not None and self._next.start <= at:
            self._shown, self._next, self._picture = self._next, self._decoded(), None
        if self._next is None:
            self._length = self._shown.start + self._shown.duration

    def _decoded(self) -> _TimedFrame | None:
        shot = next(self._shots, None)
        broken = self._decoder.error is not None or self._decoder.skipped_packets
        if shot is None and broken and self._length is None:
            _log.warning("the background %s is damaged: what can be read repeats", self._path)
        return shot

    def _converted(self) -> Image:
        if self._picture is None:
            self._picture = self._upright(self._shown.frame)
        return self._picture

    def _upright(self, frame: av.VideoFrame) -> Image:
        """Return BGR by the colors that the frame declares, the right way up, on the pad_color."""
        bgr, alpha = self._converter.to_bgr(frame, read_color_space(frame))
        if alpha is not None:
            bgr = composite_bgr(bgr, np.full_like(bgr, self._pad_color), alpha)
        return np.ascontiguousarray(self._turned.apply(bgr))


def _shots(decoder: Decoder, film: VideoInput) -> Iterator[_TimedFrame]:
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
        yield _TimedFrame(frame, at, lasts)


def _unreadable(path: Path, why: Exception | str) -> ConfigError:
    reason = getattr(why, "strerror", None) or str(why)
    hint = getattr(why, "hint", None)
    usual = "give a picture, a video, or a color such as '#00ff00' or white"
    return ConfigError(
        f"the background {path} cannot be read: {reason}",
        hint=f"{hint}; or {usual}" if hint else usual,
    )


class LoopingAnimation:
    """Shows the frame of a GIF, APNG, WebP or AVIF sequence that belongs to a moment.

    Args:
        path: the file.
        pad_color: (blue, green, red) of what shows where it is transparent.

    Attributes:
        aspect: width to height of one pixel.
        icc: the ICC profile of its colors; empty for sRGB.

    Raises:
        ConfigError: it cannot be read.
    """

    aspect = Fraction(1)
    icc = b""

    def __init__(self, path: Path, pad_color: Bgr) -> None:
        from rimlight.imaging.image_files.pillow import open_animation  # Pillow, for these alone

        self._path, self._pad_color = path, pad_color
        self._origin: Fraction | None = None
        try:
            self._animation = open_animation(path, MAX_MEGAPIXELS)
            lengths = [shot.duration for shot in self._animation]
        except (OSError, ValueError) as exc:
            raise self._unreadable(exc) from exc
        self._ends = list(accumulate(lengths))
        self._rewind()
        self._advance(0)

    def read_frame(self, pts: Fraction) -> Image:
        """Return the BGR picture, uint8 (h, w, 3), that shows at `pts` seconds.

        Raises:
            ConfigError: the file can no longer be read.
        """
        if self._origin is None or pts < self._origin:
            self._origin = pts
        wanted = bisect_right(self._ends, (pts - self._origin) % self._ends[-1])
        if wanted < self._number:
            self._rewind()
        self._advance(wanted)
        return self._picture

    def close(self) -> None:
        """Close the file."""
        self._animation.close()

    def _rewind(self) -> None:
        self._shots: Iterator[AnimationFrame] = iter(self._animation)
        self._number = -1

    def _advance(self, wanted: int) -> None:
        """Decode up to the frame of the number `wanted`, as each is drawn on the one before."""
        try:
            while self._number < wanted:
                shot = next(self._shots)
                self._number += 1
                if self._number == wanted:
                    self._picture = self._on_pad_color(shot)
        except (OSError, ValueError) as exc:
            raise self._unreadable(exc) from exc

    def _on_pad_color(self, shot: AnimationFrame) -> Image:
        if shot.alpha is None:
            return shot.bgr
        return composite_bgr(shot.bgr, np.full_like(shot.bgr, self._pad_color), shot.alpha)

    def _unreadable(self, exc: Exception) -> ConfigError:
        return ConfigError(
            f"the background {self._path} cannot be read: {describe_read_error(exc)}",
            hint="give a picture, a video, or a color such as '#00ff00' or white",
        )
