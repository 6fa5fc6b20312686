"""Between BGR and planar YUV 4:2:0 (I420), in the color space that a stream declares.

Coefficients: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (luma weights Kr, Kb).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = Literal["bt601", "bt709", "bt2020"]
Image = NDArray[np.uint8]

_LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """How Y, Cb and Cr relate to R, G and B.

    Attributes:
        matrix: whose luma weights.
        full_range: luma and chroma use 0..255; else luma 16..235 and chroma 16..240.
    """

    matrix: Matrix = "bt601"
    full_range: bool = False


BT601 = ColorSpace()
"""What webcams, virtual cameras and OpenCV mean by YUV."""


def split_planes(i420: Image) -> tuple[Image, Image, Image]:
    """Return views of Y (h, w), U and V (h/2, w/2) of an I420 image (h*3/2, w)."""
    rows, width = i420.shape
    height = rows * 2 // 3
    quarter = height * width // 4
    flat = i420.reshape(-1)
    half = (height // 2, width // 2)
    luma = i420[:height]
    start = height * width
    return (
        luma,
        flat[start : start + quarter].reshape(half),
        flat[start + quarter : start + 2 * quarter].reshape(half),
    )


def round_up_to_even(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size` with each side rounded up to an even number, as I420 needs it."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def pad_even(picture: Image) -> Image:
    """Return `picture` with its last row and column repeated where a side is odd."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    border = (0, height % 2, 0, width % 2)
    return cast(Image, cv2.copyMakeBorder(picture, *border, cv2.BORDER_REPLICATE))


def bgr_to_i420(bgr: Image, color: ColorSpace = BT601, dst: Image | None = None) -> Image:
    """Convert uint8 (h, w, 3) BGR to I420 (h*3/2, w); h and w must be even.

    Args:
        bgr: the picture.
        color: the YUV flavour to make.
        dst: an array of the result's shape to write into.

    Raises:
        ValueError: a side is odd (see `pad_even`).
    """
    height, width = bgr.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"I420 needs even sides, got {width}x{height}")
    if color == BT601:
        return cast(Image, cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420, dst=dst))
    yuv = cv2.transform(bgr, _compute_bgr_to_yuv_matrix(color))
    half = cv2.resize(yuv, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    out = np.empty((height * 3 // 2, width), np.uint8) if dst is None else dst
    for plane, values in zip(
        split_planes(out), (yuv[..., 0], half[..., 1], half[..., 2]), strict=True
    ):
        plane[...] = values
    return out


def i420_to_bgr(i420: Image, color: ColorSpace = BT601, dst: Image | None = None) -> Image:
    """Convert I420 (h*3/2, w) to uint8 (h, w, 3) BGR.

    Args:
        i420: the picture.
        color: the YUV flavour that it is in.
        dst: an array of the result's shape to write into.
    """
    if color == BT601:
        return cast(Image, cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420, dst=dst))
    luma, *chroma = split_planes(i420)
    size = (luma.shape[1], luma.shape[0])
    yuv = cv2.merge([luma, *(cv2.resize(plane, size) for plane in chroma)])
    return cast(Image, cv2.transform(yuv, compute_yuv_to_bgr_matrix(color), dst=dst))


def i420_to_yuy2(i420: Image, dst: Image) -> None:
    """Convert I420 (h*3/2, w) to YUY2, packed YUV 4:2:2: each row of chroma serves two rows.

    Args:
        i420: the picture.
        dst: uint8 (h, w, 2) to write into: luma, and U or V of every second pixel in turn.
    """
    luma, *chroma = split_planes(i420)
    rows = cv2.merge(chroma).reshape(luma.shape[0] // 2, luma.shape[1])
    cv2.merge([luma, np.repeat(rows, 2, axis=0)], dst=dst)


@cache
def compute_yuv_to_bgr_matrix(color: ColorSpace) -> NDArray[np.float32]:
    """Return float32 (3, 4): [B, G, R] = M @ [Y, Cb, Cr, 1], all in 0..255."""
    kr, kb = _LUMA_WEIGHTS[color.matrix]
    kg = 1 - kr - kb
    luma_scale, chroma_scale, black = _get_scales(color)
    red = 2 * (1 - kr) * chroma_scale
    blue = 2 * (1 - kb) * chroma_scale
    rows = np.array(
        [
            [luma_scale, blue, 0],
            [luma_scale, -blue * kb / kg, -red * kr / kg],
            [luma_scale, 0, red],
        ]
    )
    shift = -rows @ np.array([black, 128, 128])
    return np.column_stack([rows, shift]).astype(np.float32)


@cache
def _compute_bgr_to_yuv_matrix(color: ColorSpace) -> NDArray[np.float32]:
    inverse = compute_yuv_to_bgr_matrix(color).astype(np.float64)
    rows = np.linalg.inv(inverse[:, :3])
    return np.column_stack([rows, -rows @ inverse[:, 3]]).astype(np.float32)


def _get_scales(color: ColorSpace) -> tuple[float, float, float]:
    """Return (luma scale, chroma scale, luma black level)."""
    return (1.0, 1.0, 0.0) if color.full_range else (255 / 219, 255 / 224, 16.0)
