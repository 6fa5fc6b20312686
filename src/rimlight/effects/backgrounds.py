"""What can stand behind a person: a colour, a picture, a video."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.effects.loop import LoopingVideo
from rimlight.errors import ConfigError
from rimlight.file_kinds import is_still
from rimlight.frame import Frame
from rimlight.imaging.blend import blend
from rimlight.imaging.colour import bgr_to_i420, even_size
from rimlight.imaging.fit import Fit, fit_picture
from rimlight.imaging.palette import Bgr, is_colour, parse_colour
from rimlight.imaging.pictures import read_picture, reason_of

Image = NDArray[np.uint8]


class Background(Protocol):
    """A picture for any moment."""

    def picture(self, pts: Fraction) -> Image:
        """Return uint8 (h, w, 3) BGR for that moment; the same array as long as it lasts."""
        ...

    def close(self) -> None:
        """Release what it opened."""
        ...


class Still:
    """The same picture at every moment."""

    def __init__(self, picture: Image) -> None:
        self._picture = picture

    def picture(self, pts: Fraction) -> Image:
        """Return the picture."""
        return self._picture

    def close(self) -> None:
        """Nothing to release."""


class FittedBackground:
    """A background at the size, layout and colour of whatever frame it stands behind.

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
        form = (frame.size, frame.layout, frame.colour)
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
        fitted = fit_picture(picture, size, how=self._fit, backdrop=self._backdrop)
        return bgr_to_i420(fitted, frame.colour) if planar else fitted


def open_background(text: str, *, fit: Fit, backdrop: Bgr) -> FittedBackground:
    """Open a background by what the user wrote: a colour, or the path of a picture or video.

    Args:
        text: a colour is looked for first; `./white` is the file of that name.
        fit: how pictures and videos meet a frame of other proportions.
        backdrop: what shows beside and through them.

    Raises:
        ConfigError: it is neither, or the file cannot be read.
    """
    if is_colour(text):
        flat = np.full((2, 2, 3), parse_colour(text), np.uint8)
        return FittedBackground(Still(flat), "stretch", backdrop)
    path = Path(os.path.expanduser(text))
    if not os.path.isfile(path):  # not `is_file`, which raises where a name is too long
        raise ConfigError(
            f"there is no background {text!r}",
            hint="give a picture, a video, or a colour such as '#00ff00' or white",
        )
    opened = Still(_read(path, backdrop)) if is_still(str(path)) else LoopingVideo(path)
    return FittedBackground(opened, fit, backdrop)


def _read(path: Path, backdrop: Bgr) -> Image:
    """Read a picture; `backdrop` shows where it is transparent."""
    try:
        bgr, alpha = read_picture(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"the background {path} cannot be read: {reason_of(exc)}",
            hint="use a JPEG, PNG, WebP, BMP or TIFF picture",
        ) from exc
    if alpha is None:
        return bgr
    behind = np.full_like(bgr, backdrop)
    opacity = np.asarray(cv2.merge([alpha, alpha, alpha]), np.uint8)
    return blend(bgr, behind, opacity, dst=np.empty_like(bgr))
