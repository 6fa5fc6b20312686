"""Convert decoded FFmpeg frames to upright arrays: orientation, color space, alpha, size."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.core.frame import Layout
from rimlight.imaging.color import ColorSpace, Matrix, round_up_to_even, split_planes
from rimlight.imaging.geometry import UPRIGHT, Orientation, Rect, letterbox, parse_display_matrix
from rimlight.imaging.pool import ArrayPool
from rimlight.system.av import av

Image = NDArray[np.uint8]

FULL_RANGE = 2
"""AVCOL_RANGE_JPEG"""

SWSCALE_MATRIX = {"bt709": 1, "bt601": 5, "bt2020": 9}

_SWSCALE_THREADS = 2
"""FFmpeg's default is one per core."""

_HD_HEIGHT = 720
_UNDECLARED = (0, 2)
_PALETTE = "pal8"

# ITU-T H.273 table 4: matrix coefficients by `VideoFrame.colorspace`.
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    9: "bt2020",
    10: "bt2020",
}

# ITU-T H.273 table 3: transfer characteristics of HDR.
_HDR_TRANSFERS = {16: "PQ, as in HDR10 and Dolby Vision", 18: "HLG"}

Size = tuple[int, int]

_log = logging.getLogger(__name__)

_DIRECT = ("yuv420p", "yuvj420p")


def read_orientation(frame: av.VideoFrame) -> Orientation:
    """Return the rotation that makes the stored frame upright.

    Call it once per video: PyAV's side data keep their frame until garbage collection.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else parse_display_matrix(bytes(cast(bytes, matrix)))


def read_color_space(frame: av.VideoFrame) -> ColorSpace:
    """Return the declared YUV color space; undeclared HD defaults to BT.709, as in players."""
    default: Matrix = "bt709" if min(frame.width, frame.height) >= _HD_HEIGHT else "bt601"
    matrix = _MATRICES.get(frame.colorspace, default)
    name = frame.format.name
    is_yuv = name.startswith(("yuv", "nv"))
    full = name.startswith("yuvj") or frame.color_range == FULL_RANGE
    return ColorSpace(matrix, full_range=is_yuv and full)


def normalize_code_point(code: int) -> int | None:
    """Return an ITU-T H.273 code point; None for "unspecified"."""
    return None if code in _UNDECLARED else code


def has_alpha(frame: av.VideoFrame) -> bool:
    """Return True if the pixel format has alpha."""
    layout = frame.format
    return layout.name == _PALETTE or any(component.is_alpha for component in layout.components)


def compute_sample_aspect(stream: av.VideoStream, orientation: Orientation) -> Fraction:
    """Return the pixel aspect ratio (width / height) of the upright frame."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if orientation.transpose else aspect


class SwscaleConverter:
    """Converts frames with FFmpeg's swscale; the context is reused between frames."""

    def __init__(self) -> None:
        self._scaler = av.video.reformatter.VideoReformatter()

    def to_bgr(
        self, frame: av.VideoFrame, color: ColorSpace, size: tuple[int, int] | None = None
    ) -> tuple[Image, Image | None]:
        """Convert a frame to BGR in its stored orientation.

        Args:
            frame: any decoded frame.
            color: its YUV color space.
            size: (width, height) to scale to; None keeps the size.

        Returns:
            uint8 (height, width, 3), and alpha, uint8 (height, width), None if it is opaque.

        Raises:
            SourceReadError: FFmpeg cannot convert this pixel format.
        """
        transparent = has_alpha(frame)
        width, height = size or (frame.width, frame.height)
        made = self.reformat(
            frame,
            width=width,
            height=height,
            format="bgra" if transparent else "bgr24",
            src_colorspace=SWSCALE_MATRIX[color.matrix],
        )
        pixels = cast(Image, made.to_ndarray())
        if not transparent:
            return pixels, None
        alpha = np.ascontiguousarray(pixels[..., 3])
        bgr = np.ascontiguousarray(pixels[..., :3])
        return bgr, None if int(alpha.min()) == 255 else alpha

    def reformat(self, frame: av.VideoFrame, *, format: str, **wanted: int) -> av.VideoFrame:
        """Convert `frame`; see PyAV's `VideoReformatter.reformat`.

        Raises:
            SourceReadError: FFmpeg cannot convert this pixel format.
        """
        try:
            return self._scaler.reformat(frame, format=format, threads=_SWSCALE_THREADS, **wanted)
        except (av.error.FFmpegError, ValueError) as exc:
            raise SourceReadError(
                f"{frame.format.name} frames of {frame.width}x{frame.height} cannot be "
                f"converted to {format}",
                hint="convert the video first: ffmpeg -i IN -pix_fmt yuv420p OUT.mp4",
            ) from exc


def check_not_hdr(first: av.VideoFrame, name: str) -> None:
    """Raise if `first` is HDR: processed as SDR it would look gray and flat.

    Raises:
        SourceOpenError: the frame declares an HDR transfer curve.
    """
    curve = _HDR_TRANSFERS.get(int(first.color_trc))
    if curve is not None:
        raise SourceOpenError(
            f"{name} is HDR ({curve}), which cannot be processed",
            hint="tone-map it first: ffmpeg -i IN -vf zscale=t=linear:npl=100,tonemap=hable,"
            "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p OUT.mp4",
        )


class YuvConverter:
    """Converts decoded frames to upright arrays of one size and layout, in reused buffers.

    Opaque frames become I420. Frames with alpha become BGR, like photos, because effects handle
    the colors of transparent pixels in BGR.

    Args:
        first: the first frame.
        max_size: upright (width, height) to which larger frames are scaled down.
        largest: the stored size of the largest frame to come, if known.

    Attributes:
        layout: the layout of the converted frames.
        size: upright (width, height).
        orientation: the rotation of the stored frames.
        color: the YUV color space of the arrays.
        primaries: ITU-T H.273 code point of the primaries; None if unspecified.
        transfer: ITU-T H.273 code point of the transfer characteristics; None if unspecified.
        note: the lossy conversion that is needed, or None.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        max_size: Size | None = None,
        *,
        largest: Size | None = None,
    ) -> None:
        self._source_size = largest or (first.width, first.height)
        orientation = read_orientation(first)
        self._scaled_size = orientation.transform_size(
            fit_within(orientation.transform_size(self._source_size), max_size)
        )
        self._pool = ArrayPool()
        self._converter = SwscaleConverter()
        self._warned = largest is not None
        self.layout: Layout = "bgr" if has_alpha(first) else "i420"
        self.orientation = orientation
        self.size = self.orientation.transform_size(self._scaled_size)
        self.color = read_color_space(first)
        self.primaries = normalize_code_point(first.color_primaries)
        self.transfer = normalize_code_point(first.color_trc)
        name = first.format.name
        is_plain = name in _DIRECT or self.layout == "bgr"
        self.note = None if is_plain else f"{name} is converted to 8-bit yuv420p"

    def convert(self, frame: av.VideoFrame) -> tuple[Image, Image | None]:
        """Return the upright `frame` and its alpha.

        Returns:
            I420, uint8 (rows*3/2, columns), odd sides padded by repetition, and None; or BGR, uint8
            (rows, columns, 3), and alpha, uint8 (rows, columns), None if it is opaque.

        Raises:
            SourceReadError: FFmpeg cannot convert this pixel format.
        """
        return self._to_bgr(frame) if self.layout == "bgr" else (self._to_i420(frame), None)

    def _to_i420(self, frame: av.VideoFrame) -> Image:
        columns, rows = round_up_to_even(self.size)
        i420: Image = self._pool.acquire((rows * 3 // 2, columns))
        content = self._find_content_box(frame)
        uniform = self._to_yuv420p(frame, content)
        for index, target in enumerate(split_planes(i420)):
            stored = _view_plane(uniform, index)
            if content is not None:
                stored = _pad_plane(
                    stored, content, self._scaled_size, index, self._get_black_level(index)
                )
            self._copy(stored, target)
        return i420

    def _to_bgr(self, frame: av.VideoFrame) -> tuple[Image, Image | None]:
        content = self._find_content_box(frame)
        size = self._scaled_size if content is None else (int(content.width), int(content.height))
        bgr, alpha = self._converter.to_bgr(frame, self.color, size)
        if content is not None:
            opacity = np.full(bgr.shape[:2], 255, np.uint8) if alpha is None else alpha
            bgr = _pad_plane(bgr, content, self._scaled_size, 0, 0)
            alpha = _pad_plane(opacity, content, self._scaled_size, 0, 0)
        turn = self.orientation.apply
        upright = None if alpha is None else np.ascontiguousarray(turn(alpha))
        return np.ascontiguousarray(turn(bgr)), upright

    def _copy(self, stored: Image, target: Image) -> None:
        width, height = self.orientation.transform_size((stored.shape[1], stored.shape[0]))
        self.orientation.apply(stored, dst=target[:height, :width])
        if width < target.shape[1]:
            target[:height, width] = target[:height, width - 1]
        if height < target.shape[0]:
            target[height] = target[height - 1]

    def _find_content_box(self, frame: av.VideoFrame) -> Rect | None:
        """Return where a frame of another size lies between bars; None if it fills the output."""
        size = (frame.width, frame.height)
        if size == self._source_size:
            return None
        if not self._warned:
            self._warned = True
            _log.warning(
                "the video changes from %dx%d to %dx%d; its frames are letterboxed into the first "
                "size",
                *self._source_size,
                *size,
            )
        box = letterbox(size, self._scaled_size)
        left, top = (int(side) // 2 * 2 for side in (box.left, box.top))
        width, height = (
            whole - 2 * edge for whole, edge in zip(self._scaled_size, (left, top), strict=True)
        )
        return None if (width, height) == self._scaled_size else Rect(left, top, width, height)

    def _get_black_level(self, index: int) -> int:
        return 128 if index else 0 if self.color.full_range else 16

    def _to_yuv420p(self, frame: av.VideoFrame, content: Rect | None) -> av.VideoFrame:
        """Return `frame` as 8-bit 4:2:0, scaled to its size in the output."""
        width, height = (
            self._scaled_size if content is None else (int(content.width), int(content.height))
        )
        if (frame.width, frame.height) == (width, height) and frame.format.name in _DIRECT:
            return frame
        return self._converter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=SWSCALE_MATRIX[self.color.matrix],
            dst_color_range=FULL_RANGE if self.color.full_range else 1,
        )


def fit_within(size: tuple[int, int], box: tuple[int, int] | None) -> tuple[int, int]:
    """Scale `size` down to even sides within `box`; return it unchanged if it fits."""
    if box is None or (size[0] <= box[0] and size[1] <= box[1]):
        return size
    scale = min(Fraction(box[0], size[0]), Fraction(box[1], size[1]))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


def _view_plane(frame: av.VideoFrame, index: int) -> Image:
    """Return a view of plane `index`, uint8 (height, width); the frame must outlive it."""
    plane = frame.planes[index]
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _pad_plane(pixels: Image, content: Rect, size: Size, index: int, fill: int) -> Image:
    """Paste plane `index` of a frame (1, 2: chroma) at `content` into a plane of `size`."""
    step = 2 if index else 1
    width, height = (-(-side // step) for side in size)
    out = np.full((height, width, *pixels.shape[2:]), fill, np.uint8)
    left, top = int(content.left) // step, int(content.top) // step
    out[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return out
