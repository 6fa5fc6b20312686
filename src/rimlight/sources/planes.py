"""Decoded FFmpeg pictures as upright I420 arrays."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.colour import even_size, planes
from rimlight.imaging.pool import ArrayPool
from rimlight.libav import av
from rimlight.media.shown import (
    FULL_RANGE,
    SWSCALE_MATRIX,
    Converter,
    colour_of,
    declared,
    orientation_of,
)

Image = NDArray[np.uint8]

_log = logging.getLogger(__name__)

_DIRECT = ("yuv420p", "yuvj420p")


class PlaneReader:
    """Copies decoded pictures into reused I420 arrays, all of the first picture's form.

    Attributes:
        size: (width, height) as shown, after turning.
        orientation: how the stored pictures are turned.
        colour: what YUV means in the arrays.
        primaries: the primaries' ITU-T H.273 code point, None when not declared.
        transfer: that of the transfer characteristics.
        note: what had to be converted, or None.
    """

    def __init__(self, first: av.VideoFrame, max_size: tuple[int, int] | None = None) -> None:
        self._given = (first.width, first.height)
        turned = orientation_of(first)
        self._stored = turned.size(fit_within(turned.size(self._given), max_size))
        self._pool = ArrayPool()
        self._converter = Converter()
        self._warned = False
        self.orientation = turned
        self.size = self.orientation.size(self._stored)
        self.colour = colour_of(first)
        self.primaries = declared(first.color_primaries)
        self.transfer = declared(first.color_trc)
        name = first.format.name
        self.note = None if name in _DIRECT else f"{name} is converted to 8-bit yuv420p"

    def read(self, picture: av.VideoFrame) -> Image:
        """Return `picture` as I420, uint8 (rows*3/2, columns), odd sides padded by repetition.

        Raises:
            SourceReadError: FFmpeg cannot convert such pictures.
        """
        columns, rows = even_size(self.size)
        i420: Image = self._pool.take((rows * 3 // 2, columns))
        uniform = self._uniform(picture)
        for index, target in enumerate(planes(i420)):
            self._copy(_plane(uniform, index), target)
        return i420

    def _copy(self, stored: Image, target: Image) -> None:
        width, height = self.orientation.size((stored.shape[1], stored.shape[0]))
        self.orientation.apply(stored, dst=target[:height, :width])
        if width < target.shape[1]:
            target[:height, width] = target[:height, width - 1]
        if height < target.shape[0]:
            target[height] = target[height - 1]

    def _uniform(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return `picture` as 8-bit 4:2:0 of the first picture's size."""
        size = (picture.width, picture.height)
        if size == self._stored and picture.format.name in _DIRECT:
            return picture
        if size != self._given and not self._warned:
            self._warned = True
            _log.warning(
                "the video changes from %dx%d to %dx%d; it is scaled to its first size",
                *self._given,
                *size,
            )
        return self._converted(picture)

    def _converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        width, height = self._stored
        return self._converter.reformat(
            picture,
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=SWSCALE_MATRIX[self.colour.matrix],
            dst_color_range=FULL_RANGE if self.colour.full_range else 1,
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
