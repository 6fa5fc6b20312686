"""What can stand behind a person: a colour, a picture, a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.effects.loop import LoopingVideo
from rimlight.errors import ConfigError
from rimlight.frame import Frame, Layout
from rimlight.imaging.colour import ColourSpace, bgr_to_i420, even_size
from rimlight.imaging.fit import Fit, fit_picture
from rimlight.imaging.palette import Bgr, is_colour, parse_colour
from rimlight.imaging.pictures import SUFFIXES, read_picture

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
    """A background at the size, layout and colour of whatever frame it stands behind."""

    def __init__(self, background: Background, fit: Fit) -> None:
        self._background = background
        self._fit = fit
        self._for: tuple[object, ...] = ()
        self._fitted: Image = np.empty((0, 0), np.uint8)

    def behind(self, frame: Frame) -> Image:
        """Return it as uint8 (h, w, 3) for a "bgr" frame, as (rows*3/2, columns) for "i420"."""
        picture = self._background.picture(frame.pts)
        key = (id(picture), frame.size, frame.layout, frame.colour)
        if key != self._for:
            self._fitted = self._made(picture, frame.size, frame.layout, frame.colour)
            self._for = key
        return self._fitted

    def close(self) -> None:
        """Release the background."""
        self._background.close()

    def _made(
        self, picture: Image, size: tuple[int, int], layout: Layout, colour: ColourSpace
    ) -> Image:
        if layout == "bgr":
            return fit_picture(picture, size, self._fit)
        return bgr_to_i420(fit_picture(picture, even_size(size), self._fit), colour)


def open_background(text: str) -> Background:
    """Open a background by what the user wrote: a colour, or the path of a picture or video.

    Raises:
        ConfigError: it is neither, or the file cannot be read.
    """
    if is_colour(text):
        return Still(_flat(parse_colour(text)))
    path = Path(text).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"there is no background {text!r}",
            hint="give a picture, a video, or a colour such as '#00ff00' or white",
        )
    if path.suffix.lower() in SUFFIXES:
        return Still(_read(path))
    return LoopingVideo(path)


def _flat(colour: Bgr) -> Image:
    return np.full((2, 2, 3), colour, np.uint8)


def _read(path: Path) -> Image:
    """Read a picture; what is transparent in it becomes black."""
    try:
        bgr, alpha = read_picture(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"the background {path} cannot be read: {exc}",
            hint="use a JPEG, PNG, WebP, BMP or TIFF picture",
        ) from exc
    if alpha is None:
        return bgr
    shares = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    return cast(Image, cv2.multiply(bgr, shares, scale=1 / 255))
