"""Raw frames on standard output, for ffmpeg, ffplay or a program of the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, BinaryIO, ClassVar, Literal, cast

import cv2
import numpy as np
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, SinkError, StopStream
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import Image, split_planes

_STDOUT = 1  # the descriptor: sys.stdout may stand for something else where this is closed

PixelFormat = Literal["bgr24", "rgb24", "yuv420p", "rgba"]


class PipeSink:
    """Writes the bytes of each frame, row by row, with nothing between the frames.

    Args:
        options: see `Options`.
        info: the run's source.
        stream: where to write; None for standard output.

    Raises:
        ConfigError: standard output is a terminal.
    """

    class Options(options.Options):
        """Options of the pipe."""

        positional: ClassVar[str | None] = "pixel_format"

        pixel_format: Annotated[
            PixelFormat, Field(description="as ffmpeg calls it; rgba keeps the transparency")
        ] = "bgr24"

    def __init__(
        self, options: Options, info: SourceInfo, *, stream: BinaryIO | None = None
    ) -> None:
        self._format = options.pixel_format
        self._size: tuple[int, int] | None = None
        self._owned = stream is None
        self._stream = stream or _open_stdout()

    def write(self, frame: Frame) -> None:
        """Write one frame.

        Raises:
            SinkError: it has another size than the first, or transparency that would be lost; or
                standard output goes to a file, and the disk is full.
            StopStream: the reader has gone.
        """
        self._size = self._size or frame.size
        if frame.size != self._size:
            raise SinkError(
                f"frame {frame.index} is {frame.size}, the raw stream is {self._size}",
                hint="raw frames need one size: use the sink images:FOLDER/",
            )
        if frame.alpha is not None and self._format != "rgba":
            raise SinkError(
                f"{self._format} cannot hold transparency", hint="use pixel_format: rgba"
            )
        try:
            for part in _split_planes(frame, self._format):
                self._send(part)
        except BrokenPipeError:
            raise StopStream("the reader of standard output has gone") from None
        except OSError as exc:
            raise SinkError(
                f"cannot write to standard output: {exc.strerror}", hint="make room where it goes"
            ) from exc

    def _send(self, part: Image) -> None:
        rest = np.ascontiguousarray(part).data.cast("B")
        while rest:  # an unbuffered stream may take less than it is given
            rest = rest[self._stream.write(rest) :]

    def close(self) -> None:
        """Pass on what is still on its way; standard output itself stays open."""
        if self._owned:
            self._stream.close()

    def abort(self) -> None:
        """Do what close() does: what was sent cannot be taken back."""
        self.close()


def _open_stdout() -> BinaryIO:
    if os.isatty(_STDOUT):
        raise ConfigError(
            "raw frames would go to the terminal",
            hint="send them on: rimlight ... -o - | ffplay -f rawvideo -pixel_format bgr24 ... -",
        )
    # Unbuffered: what a vanished reader did not take must not fail again when Python exits.
    raw = open(_STDOUT, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return cast(BinaryIO, raw)


def _split_planes(frame: Frame, pixel_format: PixelFormat) -> Iterator[Image]:
    """Yield uint8 arrays that hold `frame` in `pixel_format`, in the order they are sent."""
    if pixel_format == "yuv420p":
        luma, *chroma = split_planes(frame.i420)
        width, height = frame.size
        yield from (luma[:height, :width], *chroma)
    elif pixel_format == "bgr24":
        yield frame.bgr
    elif pixel_format == "rgb24":
        yield cast(Image, cv2.cvtColor(frame.bgr, cv2.COLOR_BGR2RGB))
    else:
        rgba = cast(Image, cv2.cvtColor(frame.bgr, cv2.COLOR_BGR2RGBA))
        if frame.alpha is not None:
            rgba[..., 3] = frame.alpha
        yield rgba
