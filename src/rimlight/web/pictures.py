"""The newest frame of a run, as JPEG for those who look: nobody looks, nothing is encoded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from rimlight.core.frame import Frame
from rimlight.imaging.color import i420_to_bgr, round_up_to_even
from rimlight.imaging.geometry import stretch_i420


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as JPEG.

    Attributes:
        number: rises with every frame.
        jpeg: the encoded file.
    """

    number: int
    jpeg: bytes


class PictureFeed:
    """Holds the newest frame, and encodes it for viewers at most `max_fps` times a second.

    `put` may be called on any thread and takes no time; the rest is for the server's thread.

    Args:
        quality: of the JPEG pictures, 1 to 100.
        max_fps: pictures a second at most.
        max_width: wider frames are reduced to this width in pixels; None for no limit.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        quality: int = 80,
        max_fps: float = 30.0,
        max_width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quality = quality
        self._interval_s = 1 / max_fps
        self._max_width = max_width
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: tuple[int, Frame] | None = None
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._encoded = Picture(0, b"")
        self._encoded_at = -1.0
        self.is_closed = False
        """Nobody gets another picture."""
        self._urgent = self._encoded_urgent = 0
        self._seen_at = float("-inf")

    def put(self, frame: Frame, *, is_urgent: bool = False) -> None:
        """Show `frame` from now on; an urgent one also replaces one that is being encoded."""
        with self._lock:
            number = self._newest[0] + 1 if self._newest else 1
            self._newest = (number, frame)
            self._urgent += is_urgent
            waiting, self._waiting = self._waiting, []
        _wake(waiting)

    def close(self) -> None:
        """End the waiting of all viewers; they get nothing more. Any thread."""
        with self._lock:
            self.is_closed = True
            waiting, self._waiting = self._waiting, []
        _wake(waiting)

    def is_watched(self, within_s: float) -> bool:
        """Return True if somebody has asked for a picture in the last `within_s` seconds."""
        return bool(self._waiting) or self._clock() - self._seen_at < within_s

    async def wait_newer(self, after: int, timeout_s: float) -> Picture | None:
        """Return a picture with a number greater than `after`; None if there is none in time."""
        end = self._clock() + timeout_s
        while not self.is_closed:
            now = self._seen_at = self._clock()
            newest = self._newest[0] if self._newest else 0
            wait_s = self._encoded_at + self._interval_s - now
            may_wait = wait_s > 0 and self._encoded_urgent == self._urgent
            if self._encoded.number > after and (may_wait or self._encoded.number == newest):
                return self._encoded
            if newest > after and may_wait:
                await asyncio.sleep(wait_s)
            elif newest > after:
                self._encode_newest()
                return self._encoded
            elif now >= end or not await self._wait_for_frame(after, end - now):
                return None
        return None

    async def _wait_for_frame(self, after: int, timeout_s: float) -> bool:
        """Wait for a frame with a number greater than `after`; False if none comes in time."""
        event = asyncio.Event()
        entry = asyncio.get_running_loop(), event
        with self._lock:
            if self.is_closed or (self._newest is not None and self._newest[0] > after):
                return True
            self._waiting.append(entry)
        try:
            await asyncio.wait_for(event.wait(), timeout_s)
        except TimeoutError:
            with self._lock:
                if entry in self._waiting:
                    self._waiting.remove(entry)
            return False
        return True

    def _encode_newest(self) -> None:
        """Encode the newest frame, again if an urgent one came meanwhile."""
        urgent = -1
        while urgent != self._urgent and self._newest is not None:
            urgent, (number, frame) = self._urgent, self._newest
            picture = Picture(number, encode_jpeg(frame, self._quality, self._max_width))
        self._encoded, self._encoded_at, self._encoded_urgent = picture, self._clock(), urgent


def encode_jpeg(frame: Frame, quality: int, max_width: int | None = None) -> bytes:
    """Return a frame as a JPEG file.

    Args:
        frame: its alpha is left out.
        quality: 1 to 100.
        max_width: the width in pixels to which a wider frame is reduced.
    """
    if max_width is None or frame.size[0] <= max_width:
        bgr = frame.bgr
    else:
        height = max(2, round(frame.size[1] * max_width / frame.size[0]))
        size = round_up_to_even((max_width, height))
        if frame.layout == "i420":  # three small planes are cheaper than one large picture
            small = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
            bgr = i420_to_bgr(stretch_i420(frame.image, size, small), frame.color)
        else:
            bgr = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()


def _wake(waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    for loop, event in waiting:
        loop.call_soon_threadsafe(event.set)
