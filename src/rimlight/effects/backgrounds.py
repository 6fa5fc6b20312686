"""What can stand behind a person: a color, a picture, a video."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rimlight.core.addresses import hide_secrets
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.effects.loop import LoopingVideo
from rimlight.imaging.color import bgr_to_i420, even_size
from rimlight.imaging.fit import Fit, fit_picture
from rimlight.imaging.icc import converted
from rimlight.imaging.over import composite_bgr
from rimlight.imaging.palette import Bgr, is_color, parse_color
from rimlight.imaging.pictures import read_tagged, reason_of
from rimlight.media.paths import is_address, plain_path
from rimlight.system.file_kinds import (
    can_be_animated,
    describe_other_format,
    is_still_image,
    read_header,
)

Image = NDArray[np.uint8]

_HINT = "give a picture, a video, or a color such as '#00ff00' or white"


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

    def picture(self, pts: Fraction) -> Image:
        """Return uint8 (h, w, 3) BGR for that moment; the same array as long as it lasts."""
        ...

    def close(self) -> None:
        """Release what it opened."""
        ...


class Still:
    """The same picture at every moment.

    Attributes:
        aspect: width to height of one of its pixels.
        icc: the ICC profile of its colors; empty for sRGB.
    """

    aspect = Fraction(1)

    def __init__(self, picture: Image, icc: bytes = b"") -> None:
        self._picture = picture
        self.icc = icc

    def picture(self, pts: Fraction) -> Image:
        """Return the picture."""
        return self._picture

    def close(self) -> None:
        """Nothing to release."""


class FittedBackground:
    """A background at the size, layout and color of whatever frame it stands behind.

    It is fitted once and kept until the frame's form or the picture changes.
    """

    def __init__(self, background: Background, fit: Fit, backdrop: Bgr) -> None:
        self._background = background
        self._fit = fit
        self._backdrop = backdrop
        self._made_from: Image | None = None
        self._made_for: tuple[object, ...] = ()
        self._made: Image = np.empty((0, 0), np.uint8)

    def behind(self, frame: Frame) -> Image:
        """Return it as uint8 (h, w, 3) for a "bgr" frame, as (rows*3/2, columns) for "i420"."""
        picture = self._background.picture(frame.pts)
        form = (frame.size, frame.layout, frame.color, frame.sample_aspect, frame.tags.icc)
        if picture is not self._made_from or form != self._made_for:
            self._made = self._fitted(picture, frame)
            self._made_from, self._made_for = picture, form
        return self._made

    def close(self) -> None:
        """Release the background."""
        self._background.close()

    def _fitted(self, picture: Image, frame: Frame) -> Image:
        planar = frame.layout == "i420"
        size = even_size(frame.size) if planar else frame.size
        fitted = fit_picture(
            picture,
            size,
            how=self._fit,
            backdrop=_in_colors_of(self._background.icc, self._backdrop),
            aspect=self._background.aspect / frame.sample_aspect,
        )
        fitted = converted(fitted, self._background.icc, frame.tags.icc)
        return bgr_to_i420(fitted, frame.color) if planar else fitted


def open_background(text: str, *, fit: Fit, backdrop: Bgr) -> FittedBackground:
    """Open a background by what the user wrote: a color, or the path of a picture or video.

    Args:
        text: a color is looked for first; `./white` is the file of that name.
        fit: how pictures and videos meet a frame of other proportions.
        backdrop: what shows beside and through them.

    Raises:
        ConfigError: it is neither, or the file cannot be read.
    """
    if is_color(text):
        flat = np.full((2, 2, 3), parse_color(text), np.uint8)
        return FittedBackground(Still(flat), "stretch", backdrop)
    path = Path(os.path.expanduser(plain_path(text)))
    _check_file(text, path)
    return FittedBackground(_opened(path, backdrop), fit, backdrop)


def _opened(path: Path, backdrop: Bgr) -> Background:
    if can_be_animated(str(path)):
        from rimlight.effects.animation import LoopingAnimation  # Pillow, for these alone

        return LoopingAnimation(path, backdrop)
    return _read(path, backdrop) if is_still_image(str(path)) else LoopingVideo(path, backdrop)


def _check_file(text: str, path: Path) -> None:
    """Check that `path` is a file of a kind that may stand behind a person.

    Raises:
        ConfigError: it is not.
    """
    shown, hint = f"there is no background {text!r}", _HINT
    if is_address(text):
        shown = f"the background {hide_secrets(text)} is an address"
        hint = "download it first, and give the file"
    elif os.path.isdir(path):
        shown, hint = f"the background {path} is a folder", "name one picture or video in it"
    elif os.path.isfile(path):  # not `is_file`, which raises where a name is too long
        found = describe_other_format(read_header(str(path)))
        if not found or found == "a video":
            return
        shown = f"the background {path} is {found}"
        hint = f"convert it to a PNG first; or {_HINT}"
    elif os.path.exists(path):
        shown, hint = f"the background {path} is a pipe or a device", f"write it to a file; {_HINT}"
    raise ConfigError(shown, hint=hint)


def _read(path: Path, backdrop: Bgr) -> Still:
    """Read a picture; `backdrop` shows where it is transparent."""
    try:
        read = read_tagged(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"the background {path} cannot be read: {reason_of(exc)}",
            hint="use a JPEG, PNG, WebP, BMP or TIFF picture",
        ) from exc
    if read.alpha is None:
        return Still(read.bgr, read.tags.icc)
    behind = np.full_like(read.bgr, _in_colors_of(read.tags.icc, backdrop))
    return Still(composite_bgr(read.bgr, behind, read.alpha), read.tags.icc)


def _in_colors_of(icc: bytes, color: Bgr) -> Bgr:
    """Return an sRGB color as the numbers that stand for it in another profile."""
    blue, green, red = converted(np.full((1, 1, 3), color, np.uint8), b"", icc)[0, 0]
    return int(blue), int(green), int(red)
