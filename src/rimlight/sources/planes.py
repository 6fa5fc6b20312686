"""Decoded FFmpeg pictures as upright I420 arrays."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.errors import SourceReadError
from rimlight.imaging.colour import ColourSpace, Matrix, even_size, planes
from rimlight.imaging.orientation import UPRIGHT, Orientation, from_display_matrix
from rimlight.imaging.pool import ArrayPool
from rimlight.libav import av

Image = NDArray[np.uint8]

_log = logging.getLogger(__name__)

_DIRECT = ("yuv420p", "yuvj420p")
_HD_HEIGHT = 720
_UNDECLARED = (0, 2)
_FULL_RANGE = 2
"""AVCOL_RANGE_JPEG"""

# ITU-T H.273 table 4: what the numbers of `VideoFrame.colorspace` stand for.
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    9: "bt2020",
    10: "bt2020",
}
_SWSCALE_MATRIX = {"bt709": 1, "bt601": 5, "bt2020": 9}


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
        turned = _orientation(first)
        self._stored = turned.size(fit_within(turned.size(self._given), max_size))
        self._pool = ArrayPool()
        self._warned = False
        self.orientation = turned
        self.size = self.orientation.size(self._stored)
        self.colour = _colour(first)
        self.primaries = _declared(first.color_primaries)
        self.transfer = _declared(first.color_trc)
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
        try:
            return picture.reformat(
                width,
                height,
                "yuv420p",
                dst_colorspace=_SWSCALE_MATRIX[self.colour.matrix],
                dst_color_range=_FULL_RANGE if self.colour.full_range else 1,
            )
        except (av.error.FFmpegError, ValueError) as exc:
            raise SourceReadError(
                f"{picture.format.name} pictures of {picture.width}x{picture.height} cannot be "
                "converted to yuv420p",
                hint="convert the video first: ffmpeg -i IN -pix_fmt yuv420p OUT.mp4",
            ) from exc


def fit_within(size: tuple[int, int], box: tuple[int, int] | None) -> tuple[int, int]:
    """Return `size` scaled down, if need be, to even sides within `box`."""
    if box is None or (size[0] <= box[0] and size[1] <= box[1]):
        return size
    scale = min(Fraction(box[0], size[0]), Fraction(box[1], size[1]))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


def _declared(code: int) -> int | None:
    return None if code in _UNDECLARED else code


def _plane(picture: av.VideoFrame, index: int) -> Image:
    """Return a view of one plane, uint8 (height, width); the picture must outlive it."""
    plane = picture.planes[index]
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _orientation(picture: av.VideoFrame) -> Orientation:
    matrix = picture.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else from_display_matrix(bytes(cast(bytes, matrix)))


def _colour(picture: av.VideoFrame) -> ColourSpace:
    """Return the flavour that the picture declares; players take undeclared HD for BT.709."""
    default: Matrix = "bt709" if min(picture.width, picture.height) >= _HD_HEIGHT else "bt601"
    matrix = _MATRICES.get(picture.colorspace, default)
    name = picture.format.name
    is_yuv = name.startswith(("yuv", "nv"))
    full = name.startswith("yuvj") or picture.color_range == _FULL_RANGE
    return ColourSpace(matrix, full_range=is_yuv and full)
