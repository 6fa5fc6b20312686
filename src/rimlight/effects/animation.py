"""A background that is an animated picture: it repeats, each frame for its own time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.imaging.over import composite_bgr
from rimlight.imaging.pictures import MAX_MEGAPIXELS, reason_of
from rimlight.imaging.pillow import Shot, open_animation

Image = NDArray[np.uint8]
Color = tuple[int, int, int]


class LoopingAnimation:
    """Shows the frame of a GIF, APNG, WebP or AVIF sequence that belongs to a moment.

    Args:
        path: the file.
        backdrop: (blue, green, red) of what shows where it is transparent.

    Attributes:
        aspect: width to height of one pixel.
        icc: the ICC profile of its colors; empty for sRGB.

    Raises:
        ConfigError: it cannot be read.
    """

    aspect = Fraction(1)
    icc = b""

    def __init__(self, path: Path, backdrop: Color) -> None:
        self._path, self._backdrop = path, backdrop
        self._origin: Fraction | None = None
        try:
            self._animation = open_animation(path, MAX_MEGAPIXELS)
            lengths = [shot.lasts for shot in self._animation]
        except (OSError, ValueError) as exc:
            raise self._unreadable(exc) from exc
        self._ends = list(accumulate(lengths))
        self._rewind()
        self._advance(0)

    def picture(self, pts: Fraction) -> Image:
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
        self._shots: Iterator[Shot] = iter(self._animation)
        self._number = -1

    def _advance(self, wanted: int) -> None:
        """Decode up to the frame of the number `wanted`, as each is drawn on the one before."""
        try:
            while self._number < wanted:
                shot = next(self._shots)
                self._number += 1
                if self._number == wanted:
                    self._picture = self._on_backdrop(shot)
        except (OSError, ValueError) as exc:
            raise self._unreadable(exc) from exc

    def _on_backdrop(self, shot: Shot) -> Image:
        if shot.alpha is None:
            return shot.bgr
        return composite_bgr(shot.bgr, np.full_like(shot.bgr, self._backdrop), shot.alpha)

    def _unreadable(self, exc: Exception) -> ConfigError:
        return ConfigError(
            f"the background {self._path} cannot be read: {reason_of(exc)}",
            hint="give a picture, a video, or a color such as '#00ff00' or white",
        )
