"""Raw frames on standard input, as FFmpeg writes them with `-f rawvideo`."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.pool import ArrayPool
from rimlight.system.file_kinds import HEADER_BYTES, describe_other_format, detect_image_format

Image = NDArray[np.uint8]

_EXAMPLE = (
    "ffmpeg -i IN -f rawvideo -pix_fmt bgr24 -s 640x360 - | "
    "rimlight process - --set source.size=640x360 ..."
)
_ENCODED = "name it as a file: /dev/stdin instead of -"
_POLL_S = 0.1
"""How soon a read that waits for bytes notices that the source was closed."""


class PipeSource(SourceTraits):
    """Reads frames of a fixed size and rate, without any header between them.

    Args:
        options: what the bytes mean.
        fd: the file descriptor to read; standard input. It stays open: it is not ours.

    Raises:
        ConfigError: the size is missing, or odd where the format needs even sides.
        SourceOpenError: a terminal stands where the frames should come from.
    """

    class Options(options.Options):
        """What the bytes mean."""

        positional: ClassVar[str | None] = "size"

        size: Annotated[options.Size | None, Field(description="WIDTHxHEIGHT, required")] = None
        rate: Annotated[options.Rate, Field(description="frames per second")] = Fraction(30)
        pixel_format: Annotated[
            Literal["bgr24", "rgb24", "yuv420p"],
            Field(description="pixel format, by FFmpeg's name"),
        ] = "bgr24"

    def __init__(self, options: Options, *, fd: int = 0) -> None:
        if options.size is None:
            raise ConfigError(
                "raw frames do not say their size: set it",
                hint=f"{_EXAMPLE}; for an encoded file give /dev/stdin instead of -",
            )
        self._size = options.size
        self._format = options.pixel_format
        self._shape = _get_array_shape(options.size, options.pixel_format)
        if os.isatty(fd):
            raise SourceOpenError("standard input is a terminal, not frames", hint=_EXAMPLE)
        self._fd = fd
        self._closed = False
        self._pool = ArrayPool()
        self.info = SourceInfo(
            "standard input", options.size, rate=options.rate, time_base=1 / options.rate
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the bytes end.

        Raises:
            SourceOpenError: they are an encoded file.
            SourceReadError: they end within a frame; the whole ones before it were yielded.
        """
        tick = self.info.time_base or Fraction(1)
        index = 0
        while (raw := self._read(index)) is not None:
            yield self._make_frame(raw, index, index * tick)
            index += 1

    def close(self) -> None:
        """End the iteration, also while it waits for bytes."""
        self._closed = True

    def _make_frame(self, raw: Image, index: int, pts: Fraction) -> Frame:
        now = time.monotonic()
        if self._format == "yuv420p":
            return Frame.from_i420(raw, size=self._size, index=index, pts=pts, captured_at=now)
        if self._format == "rgb24":
            cv2.cvtColor(raw, cv2.COLOR_RGB2BGR, dst=raw)
        return Frame.from_bgr(raw, index=index, pts=pts, captured_at=now)

    def _read(self, index: int) -> Image | None:
        """Return one frame's bytes, None at the end or when the source was closed."""
        raw: Image = self._pool.acquire(self._shape)
        view = raw.data.cast("B")
        filled = 0
        while filled < len(view):
            count = self._read_some(view[filled:])
            if count == 0:
                break
            filled += count
        if index == 0 and _is_encoded(bytes(view[: min(filled, HEADER_BYTES)])):
            raise SourceOpenError(
                "standard input brings an encoded file, not raw frames", hint=_ENCODED
            )
        if 0 < filled < len(view) and not self._closed:
            raise SourceReadError(
                f"standard input ended within frame {index}: {filled} of {len(view)} bytes",
                hint=f"check that size and pixel format are what the writer sends: {_EXAMPLE}",
            )
        return raw if filled == len(view) else None

    def _read_some(self, view: memoryview) -> int:
        """Read bytes into `view`; return how many, 0 at the end or when the source was closed."""
        try:
            while not self._closed and not select.select([self._fd], [], [], _POLL_S)[0]:
                pass
            return 0 if self._closed else os.readv(self._fd, [view])
        except OSError as exc:
            raise SourceReadError(
                f"cannot read standard input: {exc.strerror}", hint=_EXAMPLE
            ) from exc


def _is_encoded(head: bytes) -> bool:
    """Return True if bytes are the start of a film or picture file."""
    is_transport = len(head) > 376 and head[0] == head[188] == head[376] == 0x47 != head[1]
    is_picture = detect_image_format(head) in ("png", "webp", "gif", "avif", "heif")
    return is_transport or is_picture or describe_other_format(head) == "a video"


def _get_array_shape(size: tuple[int, int], pixel_format: str) -> tuple[int, ...]:
    width, height = size
    if pixel_format != "yuv420p":
        return height, width, 3
    if width % 2 or height % 2:
        raise ConfigError(
            f"yuv420p needs even sides, got {width}x{height}", hint="send bgr24 instead"
        )
    return height * 3 // 2, width
