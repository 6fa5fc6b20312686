"""Which way up a picture was stored, and how to put it right.

Two conventions meet here: the EXIF orientation tag (1 to 8) of photos, and the display matrix of
video containers (ISO/IEC 14496-12, 8.3.2: x' = a*x + c*y, y' = b*x + d*y, in 16.16 numbers).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.ifd import first_directory

Image = NDArray[np.uint8]

_EXIF_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class Orientation:
    """Swap rows and columns first, then mirror: together the eight ways to lay a picture down.

    Attributes:
        transpose: rows become columns.
        mirror: then left and right change places.
        flip: then top and bottom change places.
    """

    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) that a picture of `size` has afterwards."""
        return (size[1], size[0]) if self.transpose else size

    def apply(self, picture: Image, dst: Image | None = None) -> Image:
        """Return `picture`, uint8 (h, w) or (h, w, channels), the right way up.

        Args:
            picture: is not changed, and returned itself if it is upright and `dst` is None.
            dst: an array of the result's shape to write into.
        """
        turned = cast(Image, cv2.transpose(picture)) if self.transpose else picture
        if self.mirror or self.flip:
            code = -1 if self.mirror and self.flip else int(self.mirror)
            return cast(Image, cv2.flip(turned, code, dst=dst))
        if dst is None:
            return turned
        np.copyto(dst, turned)
        return dst


UPRIGHT = Orientation()

_EXIF = {
    2: Orientation(mirror=True),
    3: Orientation(mirror=True, flip=True),
    4: Orientation(flip=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror=True),
    7: Orientation(transpose=True, mirror=True, flip=True),
    8: Orientation(transpose=True, flip=True),
}


def from_exif(exif: bytes) -> Orientation:
    """Read the orientation tag out of an EXIF block, which is laid out as a TIFF file.

    Upright when there is no such tag, or the block is damaged: the picture itself may be fine.
    """
    values = first_directory(exif).get(_EXIF_TAG, (1,))
    return _EXIF.get(cast(int, values[0]), UPRIGHT) if values else UPRIGHT


def from_display_matrix(matrix: bytes) -> Orientation:
    """Read FFmpeg's display matrix: nine int32 (a, b, u, c, d, v, x, y, w) in native order.

    Turns by other angles than quarters are taken for the nearest one.
    """
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, mirror=c < 0, flip=b < 0)
    return Orientation(mirror=a < 0, flip=d < 0)
