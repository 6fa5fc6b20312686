"""Rate, latency and drops, written on the picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from rimlight import options as opt
from rimlight.frame import Frame, Mask
from rimlight.imaging.draw import put_on_bgr, put_on_i420, text_panel

WINDOW = 60
"""Frames over which the rate is taken."""


class HudEffect:
    """Measures frames as they pass, and writes the figures in the top left corner."""

    class Options(opt.Options):
        """Nothing to choose."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._last_index: int | None = None
        self._dropped = 0

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the figures on it."""
        now = self._clock()
        self._times.append(now)
        if self._last_index is not None:
            self._dropped += max(0, frame.index - self._last_index - 1)
        self._last_index = frame.index
        latency_ms = max(0.0, now - frame.captured) * 1000
        text = f"{self._rate():.1f} fps  {latency_ms:.0f} ms  {self._dropped} dropped"
        panel = text_panel([(text, None)], max(8, frame.size[1] // 24))
        if frame.layout == "bgr":
            shown = frame.with_bgr(frame.image.copy(), frame.alpha)
            put_on_bgr(shown.image, panel)
            return shown
        shown = frame.with_i420(np.array(frame.image))
        put_on_i420(shown.image, panel, frame.colour)
        return shown

    def close(self) -> None:
        """Nothing to release."""

    def _rate(self) -> float:
        """Frames per second; n frames span n - 1 intervals."""
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])
