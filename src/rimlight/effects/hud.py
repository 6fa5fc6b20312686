"""Rate, latency and drops, written on the picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.imaging.draw import draw_fitting_panel, paste_in_corner
from rimlight.imaging.pool import ArrayPool

WINDOW = 60
"""Frames over which rate and latency are taken."""

REFRESH_S = 0.5
"""How long figures stand before they change: quicker ones cannot be read."""


class HudEffect(EffectTraits):
    """Measures frames as they pass, and writes the figures in the top right corner.

    Rate and drops are those of the frames that arrive here; latency is the median time since
    `Frame.captured`.
    """

    person_only = True
    position = EffectPosition.TOP

    class Options(opt.Options):
        """Nothing to choose."""

    def __init__(self, options: Options, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self._last_index: int | None = None
        self._dropped = 0
        self._text = ""
        self._written = 0.0
        self._pool = ArrayPool()

    @property
    def text(self) -> str:
        """What stands on the picture."""
        return self._text

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the figures on it."""
        now = self._clock()
        self._measure(frame, now)
        if not self._text or now - self._written >= REFRESH_S:
            self._text, self._written = self._figures(), now
        out = self._pool.acquire(frame.image.shape)
        np.copyto(out, frame.image)
        panel = draw_fitting_panel([(self._text, None)], frame.size)
        paste_in_corner(out, panel, color=frame.color, corner="right")
        return replace(frame, image=out)

    def close(self) -> None:
        """Nothing to release."""

    def _measure(self, frame: Frame, now: float) -> None:
        self._times.append(now)
        self._latencies.append(max(0.0, now - frame.captured_at))
        if self._last_index is not None:
            self._dropped += max(0, frame.index - self._last_index - 1)
        self._last_index = frame.index

    def _figures(self) -> str:
        latency_ms = median(self._latencies) * 1000
        return f"{self._rate():.1f} fps  {latency_ms:.0f} ms  {self._dropped} dropped"

    def _rate(self) -> float:
        """Frames per second; n frames span n - 1 intervals."""
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])
