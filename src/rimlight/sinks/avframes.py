"""Frames as the pictures that FFmpeg's encoders take."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from rimlight.core.frame import Frame
from rimlight.imaging.color import ColorSpace, Image, bgr_to_i420, even_size, pad_even, planes
from rimlight.imaging.pool import ArrayPool
from rimlight.system.av import av

# ITU-T H.273 code points: (primaries, transfer, matrix) of each family.
_CODE_POINTS = {"bt601": (6, 6, 6), "bt709": (1, 1, 1), "bt2020": (9, 14, 9)}
_LIMITED, _FULL = 1, 2


class AvFrameConverter:
    """Makes encoder pictures of one pixel format, size and color space.

    An I420 frame of even size is wrapped, not copied: the picture keeps the frame's array alive
    until the encoder has let go of it.

    Args:
        pixels: FFmpeg's name of the pixel format.
        size: (width, height) of the pictures; an even size larger by one pixel takes the padding
            that I420 has.
        color: what YUV means in the video; frames in another one are converted.
        primaries: their H.273 code point; None for those usual with `color`.
        transfer: that of the transfer characteristics, likewise.
    """

    def __init__(
        self,
        pixel_format: str,
        size: tuple[int, int],
        color: ColorSpace,
        *,
        primaries: int | None = None,
        transfer: int | None = None,
    ) -> None:
        self._pixel_format = pixel_format
        self._size = size
        self._color = color
        self._primaries = primaries
        self._transfer = transfer
        self._pool = ArrayPool()

    def convert(self, frame: Frame) -> av.VideoFrame:
        """Return `frame` as a picture, its color tagged, without a time stamp."""
        make = {
            "yuv420p": self._to_yuv420p,
            "yuva420p": self._to_yuva420p,
            "nv12": self._reformat,
            "yuv422p10le": self._reformat,
            "bgra": self._to_bgra,
            "yuva444p10le": self._to_yuva444p10,
        }[self._pixel_format]
        picture = make(frame)
        self.set_color_tags(picture)
        return picture

    def set_color_tags(self, target: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write down on a picture or the encoder what its colors mean."""
        if self._pixel_format == "bgra":
            return
        primaries, transfer, matrix = _CODE_POINTS[self._color.matrix]
        target.color_primaries = primaries if self._primaries is None else self._primaries
        target.color_trc = transfer if self._transfer is None else self._transfer
        target.colorspace = matrix
        target.color_range = _get_color_range(self._color)

    def _to_yuv420p(self, frame: Frame) -> av.VideoFrame:
        i420 = self._to_i420(frame)
        if self._size == even_size(frame.size):
            return av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        picture = av.VideoFrame(*self._size, "yuv420p")
        self._fill_planes(picture, planes(i420))
        return picture

    def _to_yuva420p(self, frame: Frame) -> av.VideoFrame:
        picture = av.VideoFrame(*self._size, "yuva420p")
        self._fill_planes(picture, (*planes(self._to_i420(frame)), _get_alpha(frame)))
        return picture

    def _reformat(self, frame: Frame) -> av.VideoFrame:
        picture = av.VideoFrame(*self._size, "yuv420p")
        self._fill_planes(picture, planes(self._to_i420(frame)))
        self.set_color_tags(picture)
        return picture.reformat(format=self._pixel_format)

    def _to_bgra(self, frame: Frame) -> av.VideoFrame:
        return av.VideoFrame.from_numpy_buffer(self._add_alpha(frame), format="bgra")

    def _to_yuva444p10(self, frame: Frame) -> av.VideoFrame:
        # Copied into memory of FFmpeg's own: its scaler wants aligned rows.
        picture = av.VideoFrame.from_ndarray(self._add_alpha(frame), format="bgra")
        return picture.reformat(
            format=self._pixel_format,
            dst_colorspace=_CODE_POINTS[self._color.matrix][2],
            dst_color_range=_get_color_range(self._color),
        )

    def _to_i420(self, frame: Frame) -> Image:
        if frame.color == self._color:
            return frame.i420
        width, height = even_size(frame.size)
        out = self._pool.acquire((height * 3 // 2, width))
        return bgr_to_i420(pad_even(frame.bgr), self._color, out)

    def _add_alpha(self, frame: Frame) -> Image:
        out = self._pool.acquire((*frame.bgr.shape[:2], 4))
        return cast(Image, cv2.merge([*cv2.split(frame.bgr), _get_alpha(frame)], out))

    def _fill_planes(self, picture: av.VideoFrame, values: tuple[Image, ...]) -> None:
        for plane, value in zip(picture.planes, values, strict=True):
            rows = np.asarray(memoryview(plane)).reshape(-1, plane.line_size)
            rows[: plane.height, : plane.width] = value[: plane.height, : plane.width]


def _get_color_range(color: ColorSpace) -> int:
    return _FULL if color.full_range else _LIMITED


def _get_alpha(frame: Frame) -> Image:
    if frame.alpha is not None:
        return frame.alpha
    return np.full(frame.bgr.shape[:2], 255, np.uint8)
