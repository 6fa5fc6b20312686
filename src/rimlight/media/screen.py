"""Grabs a screen or a part of it, by the package mss."""

from __future__ import annotations

import re
from typing import cast

import cv2
import mss
import numpy as np
from mss.exception import ScreenShotError
from numpy.typing import NDArray

from rimlight.core.errors import SourceOpenError, SourceReadError

Image = NDArray[np.uint8]

_AREA = re.compile(r"(\d+)x(\d+)(?:\+(\d+)\+(\d+))?")
_HINT = "screen, screen:2 (the second monitor; 0: all) or screen:1280x720+100+50 (size and place)"


class ScreenGrab:
    """An open screen.

    Args:
        area: "" for the first monitor, the number of one, or "WIDTHxHEIGHT+LEFT+TOP".
        display: of X11, such as ":0"; None for that of the session.
        cursor: show the mouse pointer.

    Raises:
        SourceOpenError: there is no such screen or area.
    """

    def __init__(self, area: str = "", *, display: str | None = None, cursor: bool = True) -> None:
        try:
            if display is None:  # other systems than Linux have no such option
                self._screen = mss.MSS(with_cursor=cursor)
            else:
                self._screen = mss.MSS(with_cursor=cursor, display=display)
        except (ScreenShotError, OSError) as exc:
            raise SourceOpenError(
                f"there is no screen to grab: {_explain(exc)}",
                hint="log in to a desktop; on Wayland only the windows of XWayland can be grabbed",
            ) from exc
        try:
            self._area = _find_area(area, self._screen.monitors)
        except BaseException:
            self._screen.close()
            raise
        self._is_closed = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self._area["width"], self._area["height"]

    def grab(self) -> Image:
        """Return what the screen shows now, uint8 (height, width, 3) BGR.

        Raises:
            SourceReadError: the screen is gone, or smaller than before.
        """
        if self._is_closed:
            raise SourceReadError("the screen was closed", hint="open it again")
        try:
            shot = self._screen.grab(self._area)
        except (ScreenShotError, OSError) as exc:
            raise SourceReadError(
                f"the screen can no longer be grabbed: {_explain(exc)}", hint="open it again"
            ) from exc
        pixels = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return cast(Image, cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR))

    def close(self) -> None:
        """Disconnect from the screen."""
        if not self._is_closed:
            self._is_closed = True
            self._screen.close()


def _find_area(area: str, monitors: list[dict[str, int]]) -> dict[str, int]:
    """Return an area as mss takes it; the first of `monitors` is all of them together.

    Raises:
        SourceOpenError: it is none, or reaches over the screen.
    """
    if not area or area.isdecimal():
        number = int(area or 1)
        if number < len(monitors):
            return {key: monitors[number][key] for key in ("left", "top", "width", "height")}
        raise SourceOpenError(f"there is no monitor {number}, but {len(monitors) - 1}", hint=_HINT)
    found = _AREA.fullmatch(area)
    if found is None:
        raise SourceOpenError(f"{area!r} is no area of the screen", hint=_HINT)
    width, height, left, top = (int(number or 0) for number in found.groups())
    whole = monitors[0]
    is_within = left + width <= whole["width"] and top + height <= whole["height"]
    if not (is_within and width and height):
        raise SourceOpenError(
            f"the area {area} is not within the screen of {whole['width']}x{whole['height']}",
            hint=_HINT,
        )
    return {"left": left, "top": top, "width": width, "height": height}


def _explain(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
