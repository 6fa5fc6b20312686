"""What a decoded picture means: which way up it is, its colors, its shape, its transparency."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.core.frame import Layout
from rimlight.imaging.color import ColorSpace, Matrix, even_size, planes
from rimlight.imaging.geometry import UPRIGHT, Orientation, Rect, from_display_matrix, letterbox
from rimlight.imaging.pool import ArrayPool
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


# ITU-T H.273 table 3: transfer characteristics that only HDR pictures have.
_HDR = {16: "PQ, as in HDR10 and Dolby Vision", 18: "HLG"}


def refuse_hdr(first: av.VideoFrame, name: str) -> None:
    """Check that a stream whose first picture is `first` has ordinary brightness.

    Raises:
        SourceOpenError: it declares an HDR transfer curve.
    """
    curve = _HDR.get(int(first.color_trc))
    if curve is not None:
        raise SourceOpenError(
            f"{name} is HDR ({curve}), which cannot be processed",
            hint="tone-map it first: ffmpeg -i IN -vf zscale=t=linear:npl=100,tonemap=hable,"
            "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p OUT.mp4",
        )


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
        i420: Image = self._pool.acquire((rows * 3 // 2, columns))
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
