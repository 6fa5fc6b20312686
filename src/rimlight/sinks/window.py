"""A window on the screen, shown with OpenCV."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, cast

import cv2
import numpy as np
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SinkError, StopStream
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import Image
from rimlight.imaging.draw import PAPER, draw_text_panel
from rimlight.system.display import check_display

_QUIT_KEYS = (ord("q"), ord("Q"), 27)  # 27: Esc
_NO_KEY = 0xFF
_DEFAULT_KEYS = "q quit"
_LINE_PX = 20
_MIN_LINE_PX = 10
_CHECK_PX = 16
_CHECK_DARK, _CHECK_LIGHT = 102, 153


class WindowSink:
    """Shows frames; q, Esc or closing the window ends the run. For the main thread only.

    A line below the picture names the keys. Transparent frames are shown in front of a
    checkerboard.

    Raises:
        SinkError: there is no display.
    """

    class Options(options.Options):
        """Options of the window."""

        positional: ClassVar[str | None] = "title"

        title: Annotated[str, Field(min_length=1, description="the window's title")] = "rimlight"
        scale: Annotated[
            float | None, Field(gt=0, le=8, description="of the picture; None: fit max_size")
        ] = None
        max_size: Annotated[
            options.Size, Field(description="larger pictures are shrunk to fit")
        ] = (1920, 1080)

    def __init__(self, options: Options, info: SourceInfo) -> None:
        check_display()
        self._options = options
        self._shown = False
        self._closed = False
        self._keys = ""
        self._key_line = _DEFAULT_KEYS

    def write(self, frame: Frame) -> None:
        """Show `frame`.

        Raises:
            StopStream: the user pressed a key to quit, or has closed the window.
            SinkError: the window cannot be drawn.
        """
        title = self._options.title
        try:
            if self._shown and not _is_visible(title):  # imshow would open it again
                raise StopStream("the window was closed")
            if not self._shown:  # without a toolbar, and without text, for which Qt needs fonts
                cv2.namedWindow(title, cv2.WINDOW_GUI_NORMAL | cv2.WINDOW_AUTOSIZE)
            cv2.imshow(title, self._add_key_line(self._render(frame)))
            self._shown = True
            key = cv2.waitKey(1) & 0xFF
        except cv2.error as exc:
            raise SinkError(f"cannot show the window: {exc.err}") from exc
        if key in _QUIT_KEYS:
            raise StopStream("a key to quit was pressed")
        if key != _NO_KEY:
            self._keys += chr(key)

    def take_keys(self) -> str:
        """Return the other keys that were pressed since this was last asked."""
        keys, self._keys = self._keys, ""
        return keys

    def describe_keys(self, text: str) -> None:
        """Show this line below the picture instead of the keys that the window itself handles."""
        self._key_line = text

    def close(self) -> None:
        """Close the window."""
        if self._closed:
            return
        self._closed = True
        if self._shown and _is_visible(self._options.title):
            cv2.destroyWindow(self._options.title)
            cv2.waitKey(1)  # it disappears when its events are handled

    def abort(self) -> None:
        """Close the window."""
        self.close()

    def _render(self, frame: Frame) -> Image:
        picture = frame.bgr
        if frame.alpha is not None:
            picture = blend_over_checkerboard(picture, frame.alpha)
        width, height = frame.size
        most = self._options.max_size
        scale = self._options.scale or min(1.0, most[0] / width, most[1] / height)
        if scale == 1:
            return picture
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return cast(Image, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))

    def _add_key_line(self, picture: Image) -> Image:
        return cast(Image, cv2.vconcat([picture, draw_key_line(self._key_line, picture.shape[1])]))


@lru_cache(maxsize=2)
def draw_key_line(text: str, width: int) -> Image:
    """Return a line of text as uint8 (h, width, 3) BGR; letters shrink to fit, then are cut off."""
    panel = draw_text_panel([(text, None)], _LINE_PX)
    if panel.shape[1] > width:
        line_px = max(_MIN_LINE_PX, _LINE_PX * width // panel.shape[1])
        panel = draw_text_panel([(text, None)], line_px)
    line = np.full((panel.shape[0], width, 3), PAPER, np.uint8)
    line[:, : panel.shape[1]] = panel[:, :width]
    return line


def blend_over_checkerboard(bgr: Image, alpha: Image) -> Image:
    """Return uint8 (h, w, 3) `bgr` seen through uint8 (h, w) `alpha` in front of gray squares."""
    front = np.multiply(alpha, 1 / 255, dtype=np.float32)
    behind = np.subtract(1, front, dtype=np.float32)
    board = _make_checkerboard(alpha.shape[0], alpha.shape[1])
    return cast(Image, cv2.blendLinear(bgr, board, front, behind))


@lru_cache(maxsize=2)
def _make_checkerboard(height: int, width: int) -> Image:
    rows, columns = np.ogrid[:height, :width]
    light = (rows // _CHECK_PX + columns // _CHECK_PX) % 2 == 0
    gray = np.where(light, _CHECK_LIGHT, _CHECK_DARK).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def _is_visible(title: str) -> bool:
    return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
