"""The values that travel through the pipeline: pictures, masks, and what a source is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.hdr_image import HdrImage, HdrInfo
from rimlight.core.instances import Box, Instance, Instances
from rimlight.core.mask import Mask
from rimlight.imaging.color import (
    BT601,
    ColorSpace,
    bgr_to_i420,
    i420_to_bgr,
    pad_even,
    round_up_to_even,
)
from rimlight.imaging.edge_color import fill_transparent_bgr, fill_transparent_i420
from rimlight.imaging.image_files.metadata import NO_METADATA, ImageMetadata

__all__ = ["Box", "Frame", "Instance", "Instances", "Layout", "Mask", "SourceInfo", "is_continuous"]

Layout = Literal["bgr", "i420"]

MAX_GAP_S = 1
"""From this step in time on it is a cut, or another picture of a folder."""


def is_continuous(prev_pts: Fraction, pts: Fraction) -> bool:
    """Return True if a frame at `pts` continues the stretch of film of one at `prev_pts`."""
    return 0 < float(pts) - float(prev_pts) < MAX_GAP_S  # three times as fast as with fractions


@dataclass(frozen=True)
class Frame:
    """One picture and when it was taken. Nobody writes into a frame they were given.

    Make one with `Frame.from_bgr` or `Frame.from_i420`; read it as `frame.bgr` or `frame.i420`:
    the other layout is made once, when it is first asked for, and remembered.

    Attributes:
        image: uint8; (height, width, 3) for "bgr", (rows*3/2, columns) for "i420". I420 has even
            sides, so a picture of odd size carries its last row or column twice there.
        layout: which of the two `image` is.
        size: (width, height) of the picture in pixels.
        index: how many frames the source had delivered before. A gap means dropped frames.
        pts: presentation time in seconds, exactly as the source's time base gives it.
        captured_at: `time.monotonic()` in seconds when the frame left the source; for latency only.
        color: what YUV means in the "i420" layout.
        alpha: uint8 (height, width), 255 where the picture is opaque; None for all opaque.
        name: for pictures, the path relative to the folder they came from.
        metadata: for pictures, what their file holds next to the pixels.
        duration: how long it is shown, in seconds; said of a film's last frame only, for the others
            are shown until the next one.
        sample_aspect: width to height of one pixel.
        hdr: the samples of an HDR video, whose SDR image this is; None for others.

    Raises:
        TypeError: `image` or `alpha` is not uint8.
        ValueError: `image` or `alpha` does not have the shape that `layout` and `size` ask for.
    """

    image: NDArray[np.uint8]
    layout: Layout
    size: tuple[int, int]
    index: int
    pts: Fraction
    captured_at: float
    color: ColorSpace = BT601
    alpha: NDArray[np.uint8] | None = None
    name: str = ""
    metadata: ImageMetadata = NO_METADATA
    duration: Fraction | None = None
    sample_aspect: Fraction = Fraction(1)
    hdr: HdrImage | None = None

    def __post_init__(self) -> None:
        width, height = self.size
        columns, rows = round_up_to_even(self.size)
        expected = (height, width, 3) if self.layout == "bgr" else (rows * 3 // 2, columns)
        _check("frame image", self.image, expected)
        if self.alpha is not None:
            _check("frame alpha", self.alpha, (height, width))

    @classmethod
    def from_bgr(
        cls,
        bgr: NDArray[np.uint8],
        *,
        index: int,
        pts: Fraction,
        captured_at: float,
        alpha: NDArray[np.uint8] | None = None,
        name: str = "",
        metadata: ImageMetadata = NO_METADATA,
    ) -> Frame:
        """Wrap a uint8 (height, width, 3) BGR picture."""
        size = (bgr.shape[1], bgr.shape[0])
        return cls(
            bgr, "bgr", size, index, pts, captured_at, alpha=alpha, name=name, metadata=metadata
        )

    @classmethod
    def from_i420(
        cls,
        i420: NDArray[np.uint8],
        *,
        size: tuple[int, int],
        index: int,
        pts: Fraction,
        captured_at: float,
        color: ColorSpace = BT601,
        sample_aspect: Fraction = Fraction(1),
    ) -> Frame:
        """Wrap a uint8 (rows*3/2, columns) I420 picture of `size`; rows and columns are even."""
        return cls(i420, "i420", size, index, pts, captured_at, color, sample_aspect=sample_aspect)

    @cached_property
    def bgr(self) -> NDArray[np.uint8]:
        """The picture as uint8 (height, width, 3), BGR."""
        if self.layout == "bgr":
            return self.image
        width, height = self.size
        return i420_to_bgr(self.image, self.color)[:height, :width]

    @cached_property
    def i420(self) -> NDArray[np.uint8]:
        """The picture as uint8 (rows*3/2, columns), planes Y, U, V in `color`."""
        if self.layout == "i420":
            return self.image
        return bgr_to_i420(pad_even(self.image), self.color)

    @property
    def luma_or_bgr(self) -> NDArray[np.uint8]:
        """What needs no conversion: luma (height, width) of an I420 picture, else the BGR."""
        width, height = self.size
        return self.image[:height, :width]

    @property
    def nbytes(self) -> int:
        """Bytes of the picture as it arrived."""
        return int(self.image.nbytes) + (self.hdr.nbytes if self.hdr else 0)

    def with_bgr(self, bgr: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Frame:
        """Return the same moment with another picture, which may differ in size."""
        size = (bgr.shape[1], bgr.shape[0])
        return replace(self, image=bgr, layout="bgr", size=size, alpha=alpha)

    def with_i420(self, i420: NDArray[np.uint8]) -> Frame:
        """Return the same moment with another, opaque picture of the same size."""
        return replace(self, image=i420, layout="i420", alpha=None)

    def with_alpha(self, alpha: NDArray[np.uint8]) -> Frame:
        """Return the same picture, seen through `alpha`."""
        return replace(self, alpha=alpha)

    def blank_transparent(self) -> Frame:
        """Return the same frame with nothing of its own under alpha 0.

        Readers that leave the alpha out would see it there, and a blur would mix it in. The colors
        of what is seen go on there instead.
        """
        if self.alpha is None or cv2.countNonZero(self.alpha) == self.alpha.size:
            return self
        clean = fill_transparent_bgr if self.layout == "bgr" else fill_transparent_i420
        return replace(self, image=clean(self.image, self.alpha))


def _check(what: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8:
        raise TypeError(f"{what} must be uint8, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{what} must be {shape}, got {array.shape}")


@dataclass(frozen=True)
class SourceInfo:
    """What a source says of itself once it is open.

    Attributes:
        name: what to call it in messages.
        size: (width, height) in pixels as shown, rotation applied; pictures may differ later.
        rate: frames a second, an average for variable rates; None for single pictures.
        count: how many frames are expected; None when unknown.
        is_live: frames come in real time and are lost when nobody takes them.
        time_base: the unit of the container's time stamps; every `Frame.pts` is a multiple of it.
        duration_s: how long the stream says it is, in seconds.
        color: what YUV means in its frames.
        sample_aspect: width to height of one pixel.
        media_path: the file whose sound and subtitles belong to the frames.
        start_offset: the time on the container's clock at which the frames' own times begin.
        primaries: the colors' primaries, an ITU-T H.273 code point; None when not declared.
        transfer: their transfer characteristics, likewise.
        hdr: what its frames mean next to their SDR images; None if they are SDR.
        has_alpha: the frames are transparent in part.
        is_image_sequence: the frames are single pictures with names.
        image_paths: of these, each name and the file it is read from; none where that is not known.
        notes: what the user should know, such as a size that the camera would not give.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction | None = None
    count: int | None = None
    is_live: bool = False
    time_base: Fraction | None = None
    duration_s: float | None = None
    color: ColorSpace = BT601
    sample_aspect: Fraction = Fraction(1)
    media_path: Path | None = None
    start_offset: Fraction = Fraction(0)
    primaries: int | None = None
    transfer: int | None = None
    hdr: HdrInfo | None = None
    has_alpha: bool = False
    is_image_sequence: bool = False
    image_paths: tuple[tuple[str, Path], ...] = ()
    notes: tuple[str, ...] = field(default=())
