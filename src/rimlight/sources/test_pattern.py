"""A drawn figure that moves before a background, and the mask that it must be cut out with."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, ClassVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

# Dark and greenish behind, bright and reddish in front: also a threshold can tell them apart.
_BACK = (70, 90, 50)
_FRONT = (110, 130, 210)


class PatternSource(SourceTraits):
    """Draws head and shoulders, textured, swaying before a textured wall; the same every time."""

    has_media_clock = True

    class Options(options.Options):
        """How the scene looks and moves."""

        positional: ClassVar[str | None] = "size"

        size: Annotated[options.Size, Field(description="size of the frames")] = (640, 360)
        rate: Annotated[options.Rate, Field(description="frames per second")] = Fraction(30)
        count: Annotated[int | None, Field(ge=1, description="frames; endless if not set")] = None
        speed: Annotated[float, Field(ge=0, description="sways in a second")] = 0.25
        seed: Annotated[int, Field(ge=0, description="of the textures")] = 0
        empty_every_s: Annotated[
            float | None, Field(gt=0, description="seconds: the figure comes and goes")
        ] = None
        realtime: Annotated[bool, Field(description="deliver at the rate, as a camera does")] = (
            False
        )

    def __init__(self, options: Options) -> None:
        self._options = options
        self._closed = threading.Event()
        self._pool = ArrayPool()
        width, height = options.size
        self._reach = max(1, width // 5)
        random = np.random.default_rng(options.seed)
        self._back = _make_texture(random, (width, height), _BACK)
        # Larger than the picture, so that the texture can move along with the figure.
        self._front = _make_texture(random, (width + 2 * self._reach, height), _FRONT)
        self.info = SourceInfo(
            "pattern",
            options.size,
            rate=options.rate,
            count=options.count,
            is_live=options.realtime,
            time_base=1 / options.rate,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield `count` frames, or frames without end."""
        start, index = time.monotonic(), 0
        while index != self._options.count and not self._closed.is_set():
            pts = index / self._options.rate
            if self._options.realtime and self._closed.wait(start + pts - time.monotonic()):
                return
            yield Frame.from_bgr(
                self._draw(index), index=index, pts=pts, captured_at=time.monotonic()
            )
            index += 1

    def draw_mask(self, index: int) -> Image:
        """Return the exact mask of frame `index`: uint8 (height, width), 255 on the figure."""
        width, height = self._options.size
        mask = np.zeros((height, width), np.uint8)
        if self._is_empty(index):
            return mask
        x = width // 2 + self._shift(index)
        head, neck = (x, height * 2 // 5), (x, height)
        cv2.ellipse(mask, head, (max(1, height // 8), max(1, height // 6)), 0, 0, 360, 255, -1)
        cv2.ellipse(mask, neck, (max(1, height // 3), max(1, height * 2 // 5)), 0, 0, 360, 255, -1)
        return mask

    def close(self) -> None:
        """End the iteration, also while it waits for the time of the next frame."""
        self._closed.set()

    def _draw(self, index: int) -> Image:
        picture: Image = self._pool.acquire(self._back.shape)
        np.copyto(picture, self._back)
        left = self._reach - self._shift(index)
        front = self._front[:, left : left + picture.shape[1]]
        return cast(Image, cv2.copyTo(front, self.draw_mask(index), picture))

    def _shift(self, index: int) -> int:
        """Return how far right of the middle the figure is, in pixels."""
        phase = 2 * math.pi * self._options.speed * float(index / self._options.rate)
        return round(self._reach * math.sin(phase))

    def _is_empty(self, index: int) -> bool:
        every = self._options.empty_every_s
        return every is not None and int(index / self._options.rate / Fraction(every)) % 2 == 1


def _make_texture(
    random: np.random.Generator, size: tuple[int, int], color: tuple[int, int, int]
) -> Image:
    """Return cloudy noise around `color`, uint8 (height, width, 3)."""
    coarse = (max(2, size[0] // 8), max(2, size[1] // 8))
    noise = random.integers(-40, 41, (coarse[1], coarse[0], 3)).astype(np.float32)
    clouds = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return cast(Image, np.clip(clouds + np.array(color), 0, 255).astype(np.uint8))
