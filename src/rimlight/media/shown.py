"""What a decoded picture means: which way up it is, its colors, its shape, its transparency."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import SourceReadError
from rimlight.imaging.color import ColorSpace, Matrix
from rimlight.imaging.geometry import UPRIGHT, Orientation, from_display_matrix
from rimlight.system.av import av

Image = NDArray[np.uint8]

FULL_RANGE = 2
"""AVCOL_RANGE_JPEG"""

SWSCALE_MATRIX = {"bt709": 1, "bt601": 5, "bt2020": 9}

_THREADS = 2
"""Of the scaler; FFmpeg's own choice is one for each core."""

_HD_HEIGHT = 720
_UNDECLARED = (0, 2)
_PALETTE = "pal8"

# ITU-T H.273 table 4: what the numbers of `VideoFrame.colorspace` stand for.
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    9: "bt2020",
    10: "bt2020",
}


def orientation_of(picture: av.VideoFrame) -> Orientation:
    """Return how the stored picture has to be turned.

    Ask once for a film: PyAV's side data keep their frame until the garbage collector comes.
    """
    matrix = picture.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else from_display_matrix(bytes(cast(bytes, matrix)))


def color_of(picture: av.VideoFrame) -> ColorSpace:
    """Return the flavor that the picture declares; players take undeclared HD for BT.709."""
    default: Matrix = "bt709" if min(picture.width, picture.height) >= _HD_HEIGHT else "bt601"
    matrix = _MATRICES.get(picture.colorspace, default)
    name = picture.format.name
    is_yuv = name.startswith(("yuv", "nv"))
    full = name.startswith("yuvj") or picture.color_range == FULL_RANGE
    return ColorSpace(matrix, full_range=is_yuv and full)


def declared(code: int) -> int | None:
    """Return an ITU-T H.273 code point, None for those that mean "not declared"."""
    return None if code in _UNDECLARED else code


def has_alpha(picture: av.VideoFrame) -> bool:
    """Return True if pictures of this format can be transparent."""
    layout = picture.format
    return layout.name == _PALETTE or any(part.is_alpha for part in layout.components)


def sample_aspect(stream: av.VideoStream, turned: Orientation) -> Fraction:
    """Return width to height of one pixel of the upright picture."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if turned.transpose else aspect


class Converter:
    """Converts pictures by FFmpeg's scaler, which is set up once and not for each of them."""

    def __init__(self) -> None:
        self._scaler = av.video.reformatter.VideoReformatter()

    def to_bgr(
        self, picture: av.VideoFrame, color: ColorSpace, size: tuple[int, int] | None = None
    ) -> tuple[Image, Image | None]:
        """Convert a picture to BGR, not yet turned.

        Args:
            picture: any decoded picture.
            color: what its YUV means.
            size: (width, height) to scale to; None keeps its own.

        Returns:
            uint8 (height, width, 3), and its alpha, uint8 (height, width), None where it is opaque.

        Raises:
            SourceReadError: FFmpeg cannot convert such pictures.
        """
        see_through = has_alpha(picture)
        width, height = size or (picture.width, picture.height)
        made = self.reformat(
            picture,
            width=width,
            height=height,
            format="bgra" if see_through else "bgr24",
            src_colorspace=SWSCALE_MATRIX[color.matrix],
        )
        pixels = cast(Image, made.to_ndarray())
        if not see_through:
            return pixels, None
        alpha = np.ascontiguousarray(pixels[..., 3])
        bgr = np.ascontiguousarray(pixels[..., :3])
        return bgr, None if int(alpha.min()) == 255 else alpha

    def reformat(self, picture: av.VideoFrame, *, format: str, **wanted: int) -> av.VideoFrame:
        """Convert `picture`; see PyAV's `VideoReformatter.reformat`.

        Raises:
            SourceReadError: FFmpeg cannot convert such pictures.
        """
        try:
            return self._scaler.reformat(picture, format=format, threads=_THREADS, **wanted)
        except (av.error.FFmpegError, ValueError) as exc:
            raise SourceReadError(
                f"{picture.format.name} pictures of {picture.width}x{picture.height} cannot be "
                f"converted to {format}",
                hint="convert the video first: ffmpeg -i IN -pix_fmt yuv420p OUT.mp4",
            ) from exc
