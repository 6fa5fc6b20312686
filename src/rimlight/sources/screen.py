"""A screen, or a part of it, as a live source."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from rimlight.core import options
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.media.screen import ScreenGrab
from rimlight.media.timestamps import ARRIVAL_TIME_BASE

_LATE_S = 1.0
"""A run that is later than this, for example after a suspend, does not catch up."""


class ScreenSource(SourceTraits):
    """Grabs a screen at a constant rate.

    Raises:
        SourceOpenError: there is no such screen or area.
    """

    class Options(options.Options):
        """What to grab."""

        positional: ClassVar[str | None] = "area"

        area: Annotated[
            str, Field(description="number of a monitor, or WIDTHxHEIGHT+LEFT+TOP; none: the first")
        ] = ""
        display: Annotated[
            str | None, Field(description="X11 display, such as :0; none: that of the session")
        ] = None
        rate: Annotated[options.Rate, Field(description="frames per second")] = Fraction(15)
        cursor: Annotated[bool, Field(description="show the mouse pointer")] = True

    def __init__(self, options: Options) -> None:
        self._step_s = float(1 / options.rate)
        self._stopped = threading.Event()
        self._grab = ScreenGrab(options.area, display=options.display, cursor=options.cursor)
        self.info = SourceInfo(
            "screen",
            self._grab.size,
            rate=options.rate,
            is_live=True,
            time_base=ARRIVAL_TIME_BASE,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until `close`.

        Raises:
            SourceReadError: the screen is gone.
        """
        start = due = time.monotonic()
        index = 0
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            image = self._grab.grab()
            now = time.monotonic()
            pts = Fraction(round((now - start) / ARRIVAL_TIME_BASE)) * ARRIVAL_TIME_BASE
            yield Frame.from_bgr(image, index=index, pts=pts, captured_at=now)
            due = due + self._step_s if now - due < _LATE_S else now
            index += 1

    def stop_waiting(self) -> None:
        """End the iteration while it waits for the next frame. Any thread may call this."""
        self._stopped.set()

    def close(self) -> None:
        """Disconnect from the screen."""
        self._stopped.set()
        self._grab.close()
