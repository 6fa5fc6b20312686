"""Fits frames of any size into the size of a stream."""

from __future__ import annotations

from dataclasses import replace

from rimlight.core.frame import Frame
from rimlight.imaging.geometry import fit_image, stretch_i420
from rimlight.imaging.pool import ArrayPool

_BLACK = (0, 0, 0)


class FrameFitter:
    """Scales frames to one size, with black bars where the aspect ratio differs.

    Args:
        size: (width, height) of the stream.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._pool = ArrayPool()

    def fit(self, frame: Frame) -> Frame:
        """Return `frame` at the size of the stream; itself if it has that size."""
        (width, height), size = self._size, frame.size
        if size == self._size:
            return frame
        is_even = not (width % 2 or height % 2)
        if frame.layout == "i420" and is_even and size[0] * height == size[1] * width:
            dst = self._pool.acquire((height * 3 // 2, width))
            stretched = stretch_i420(frame.image, self._size, dst)
            return replace(frame, image=stretched, size=self._size)
        return frame.with_bgr(fit_image(frame.bgr, self._size, mode="fit", pad_color=_BLACK))
