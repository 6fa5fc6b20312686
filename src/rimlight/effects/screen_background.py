"""The screen as a background."""

from __future__ import annotations

import logging
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError, SourceError
from rimlight.media.screen import ScreenGrab

Image = NDArray[np.uint8]

_INTERVAL_S = Fraction(1, 10)

_log = logging.getLogger(__name__)


class ScreenBackground:
    """What a screen shows; after it is gone, what it showed last.

    Args:
        area: see `ScreenGrab`.

    Attributes:
        aspect: width to height of one pixel.
        icc: empty: screens count as sRGB.

    Raises:
        ConfigError: there is no such screen or area.
    """

    aspect = Fraction(1)
    icc = b""

    def __init__(self, area: str) -> None:
        try:
            self._grab = ScreenGrab(area)
            self._picture = self._grab.grab()
        except SourceError as exc:
            raise ConfigError(str(exc), hint=exc.hint) from exc
        self._pts: Fraction | None = None
        self._is_gone = False

    def read_frame(self, pts: Fraction) -> Image:
        """Return the screen as uint8 (h, w, 3) BGR, grabbed at most 10 times a second."""
        is_recent = self._pts is not None and 0 <= pts - self._pts < _INTERVAL_S
        if not (self._is_gone or is_recent):
            self._pts = pts
            try:
                self._picture = self._grab.grab()
            except SourceError as exc:
                self._is_gone = True
                _log.warning("%s; the background stays as it is", exc)
        return self._picture

    def close(self) -> None:
        """Disconnect from the screen."""
        self._grab.close()
