"""Decoded FFmpeg pictures as upright arrays."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Layout
from rimlight.imaging.color import even_size, planes
from rimlight.imaging.geometry import Rect, letterbox
from rimlight.imaging.pool import ArrayPool
from rimlight.media.shown import (
    FULL_RANGE,
    SWSCALE_MATRIX,
    Converter,
    color_of,
    declared,
    has_alpha,
    orientation_of,
)
from rimlight.system.av import av

Image = NDArray[np.uint8]
Size = tuple[int, int]

_log = logging.getLogger(__name__)

_DIRECT = ("yuv420p", "yuvj420p")


class PlaneReader:
    """Copies decoded pictures into reused arrays, all of one size and form.

    Opaque pictures become I420. Those that may be transparent become BGR, as photos are: what
    their hidden colors are worth is for the effects to say, which they do there.

    Args:
        first: the first picture.
        max_size: (width, height), as shown, that pictures are scaled down to.
        largest: the stored size of the largest picture to come, where that is known.

    Attributes:
        layout: how `read` gives pictures.
        size: (width, height) as shown, after turning.
        orientation: how the stored pictures are turned.
        color: what YUV means in the arrays.
        primaries: the primaries' ITU-T H.273 code point, None when not declared.
        transfer: that of the transfer characteristics.
        note: what had to be converted, or None.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        max_size: Size | None = None,
        *,
        largest: Size | None = None,
    ) -> None:
        self._given = largest or (first.width, first.height)
        turned = orientation_of(first)
        self._stored = turned.size(fit_within(turned.size(self._given), max_size))
        self._pool = ArrayPool()
        self._converter = Converter()
        self._warned = largest is not None
        self.layout: Layout = "bgr" if has_alpha(first) else "i420"
        self.orientation = turned
        self.size = self.orientation.size(self._stored)
        self.color = color_of(first)
        self.primaries = declared(first.color_primaries)
        self.transfer = declared(first.color_trc)
        name = first.format.name
        is_plain = name in _DIRECT or self.layout == "bgr"
        self.note = None if is_plain else f"{name} is converted to 8-bit yuv420p"

    def read(self, picture: av.VideoFrame) -> tuple[Image, Image | None]:
        """Return `picture`, upright, and its alpha.

        Returns:
            I420, uint8 (rows*3/2, columns), odd sides padded by repetition, and None; or BGR, uint8
            (rows, columns, 3), and alpha, uint8 (rows, columns), None where all is opaque.

        Raises:
            SourceReadError: FFmpeg cannot convert such pictures.
        """
        return self._bgr(picture) if self.layout == "bgr" else (self._i420(picture), None)

    def _i420(self, picture: av.VideoFrame) -> Image:
        columns, rows = even_size(self.size)
        i420: Image = self._pool.take((rows * 3 // 2, columns))
        place = self._place(picture)
        uniform = self._uniform(picture, place)
        for index, target in enumerate(planes(i420)):
            stored = _plane(uniform, index)
            if place is not None:
                stored = _between_bars(stored, place, self._stored, index, self._black(index))
            self._copy(stored, target)
        return i420

    def _bgr(self, picture: av.VideoFrame) -> tuple[Image, Image | None]:
        place = self._place(picture)
        size = self._stored if place is None else (int(place.width), int(place.height))
        bgr, alpha = self._converter.to_bgr(picture, self.color, size)
        if place is not None:
            opacity = np.full(bgr.shape[:2], 255, np.uint8) if alpha is None else alpha
            bgr = _between_bars(bgr, place, self._stored, 0, 0)
            alpha = _between_bars(opacity, place, self._stored, 0, 0)
        turn = self.orientation.apply
        upright = None if alpha is None else np.ascontiguousarray(turn(alpha))
        return np.ascontiguousarray(turn(bgr)), upright

    def _copy(self, stored: Image, target: Image) -> None:
        width, height = self.orientation.size((stored.shape[1], stored.shape[0]))
        self.orientation.apply(stored, dst=target[:height, :width])
        if width < target.shape[1]:
            target[:height, width] = target[:height, width - 1]
        if height < target.shape[0]:
            target[height] = target[height - 1]

    def _place(self, picture: av.VideoFrame) -> Rect | None:
        """Return where a picture of another shape lies between bars; None where it fills all."""
        size = (picture.width, picture.height)
        if size == self._given:
            return None
        if not self._warned:
            self._warned = True
            _log.warning(
                "the video changes from %dx%d to %dx%d; it keeps its shape and is fitted into its "
                "first size",
                *self._given,
                *size,
            )
        box = letterbox(size, self._stored)
        left, top = (int(side) // 2 * 2 for side in (box.left, box.top))
        width, height = (
            whole - 2 * edge for whole, edge in zip(self._stored, (left, top), strict=True)
        )
        return None if (width, height) == self._stored else Rect(left, top, width, height)

    def _black(self, index: int) -> int:
        return 128 if index else 0 if self.color.full_range else 16

    def _uniform(self, picture: av.VideoFrame, place: Rect | None) -> av.VideoFrame:
        """Return `picture` as 8-bit 4:2:0 of the size that it has in the result."""
        width, height = self._stored if place is None else (int(place.width), int(place.height))
        if (picture.width, picture.height) == (width, height) and picture.format.name in _DIRECT:
            return picture
        return self._converter.reformat(
            picture,
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=SWSCALE_MATRIX[self.color.matrix],
            dst_color_range=FULL_RANGE if self.color.full_range else 1,
        )


def fit_within(size: tuple[int, int], box: tuple[int, int] | None) -> tuple[int, int]:
    """Return `size` scaled down, if need be, to even sides within `box`."""
    if box is None or (size[0] <= box[0] and size[1] <= box[1]):
        return size
    scale = min(Fraction(box[0], size[0]), Fraction(box[1], size[1]))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


def _plane(picture: av.VideoFrame, index: int) -> Image:
    """Return a view of one plane, uint8 (height, width); the picture must outlive it."""
    plane = picture.planes[index]
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _between_bars(pixels: Image, place: Rect, whole: Size, index: int, fill: int) -> Image:
    """Lay one plane of a picture at its place in a plane of the `whole` size; 1 and 2: chroma."""
    step = 2 if index else 1
    width, height = (-(-side // step) for side in whole)
    out = np.full((height, width, *pixels.shape[2:]), fill, np.uint8)
    left, top = int(place.left) // step, int(place.top) // step
    out[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return out
