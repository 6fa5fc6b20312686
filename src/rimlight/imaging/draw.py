"""Small text panels, and putting them on pictures of either layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import ColorSpace, bgr_to_i420, pad_even, round_up_to_even, split_planes
from rimlight.imaging.palette import Bgr

Image = NDArray[np.uint8]
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK = (255, 255, 255)
PAPER = (32, 32, 32)

LINES_PER_FRAME = 26
"""Lines of text that would fill a picture from top to bottom."""
MIN_LINE_PX = 10
MAX_LINE_PX = 64


def draw_fitting_panel(lines: Sequence[tuple[str, Bgr | None]], size: tuple[int, int]) -> Image:
    """Draw lines of text as large as a picture of (width, height) has room for.

    Args:
        lines: (text, color of the patch before it or None), at least one.
        size: of the picture; the panel is larger where even the smallest letters do not fit.
    """
    width, height = size
    line_px = compute_line_height(height)
    line_px = max(MIN_LINE_PX, min(line_px, height // (len(lines) + 1)))
    panel = draw_text_panel(lines, line_px)
    if panel.shape[1] <= width or line_px == MIN_LINE_PX:
        return panel
    return draw_text_panel(lines, max(MIN_LINE_PX, line_px * width // panel.shape[1]))


def compute_line_height(height: int) -> int:
    """Return the usual height of a line of text in a picture of `height` pixels."""
    return min(max(height // LINES_PER_FRAME, MIN_LINE_PX), MAX_LINE_PX)


def draw_text_panel(lines: Sequence[tuple[str, Bgr | None]], line_px: int) -> Image:
    """Draw lines of text, with or without color patches, as a BGR panel of even sides.

    Args:
        lines: (text, color of the patch or None), at least one.
        line_px: height of one line, `MIN_LINE_PX` or more.
    """
    scale = line_px / 32
    thickness = max(1, round(scale * 1.5))
    widths = [cv2.getTextSize(text, FONT, scale, thickness)[0][0] for text, _ in lines]
    indent = line_px if any(color for _, color in lines) else 0
    margin = line_px // 3
    size = round_up_to_even((max(widths) + indent + 2 * margin, line_px * len(lines) + 2 * margin))
    panel = np.full((size[1], size[0], 3), PAPER, np.uint8)
    for number, (text, color) in enumerate(lines):
        top = margin + number * line_px
        if color:
            side, down = line_px * 2 // 3, top + line_px // 6
            panel[down : down + side, margin : margin + side] = color
        at = (margin + indent, top + line_px * 3 // 4)
        cv2.putText(panel, text, at, FONT, scale, INK, thickness, cv2.LINE_AA)
    return panel


def paste_in_corner(
    picture: Image, panel: Image, *, color: ColorSpace, corner: Literal["left", "right"] = "left"
) -> None:
    """Write a BGR `panel` into an upper corner of a picture; what does not fit is cut off.

    Args:
        picture: uint8 (h, w, 3) BGR, or (rows*3/2, columns) I420 in `color`; written to.
        panel: uint8 (h, w, 3), BGR, of even sides.
        color: what YUV means in an I420 picture.
        corner: which one.
    """
    start = picture.shape[1] - panel.shape[1] if corner == "right" else 0
    paste_panel(picture, panel, (start, 0), color=color)


def paste_panel(
    picture: Image, panel: Image, position: tuple[int, int], *, color: ColorSpace
) -> None:
    """Write a BGR `panel` into a picture at (left, top), or near it where it would stick out.

    Args:
        picture: as for `paste_in_corner`.
        panel: uint8 (h, w, 3), BGR, of even sides; what does not fit is cut off.
        position: where its corner goes, in pixels; made even where I420 needs it.
        color: what YUV means in an I420 picture.
    """
    planar = picture.ndim == 2
    height = picture.shape[0] * 2 // 3 if planar else picture.shape[0]
    part = panel[:height, : picture.shape[1]]
    step = 2 if planar else 1
    left = min(max(0, position[0]), picture.shape[1] - part.shape[1]) // step * step
    top = min(max(0, position[1]), height - part.shape[0]) // step * step
    layers = split_planes(bgr_to_i420(np.ascontiguousarray(part), color)) if planar else (part,)
    for source, target in zip(layers, split_planes(picture) if planar else (picture,), strict=True):
        half = 2 if source.shape[0] < part.shape[0] else 1
        rows = slice(top // half, top // half + source.shape[0])
        target[rows, left // half : left // half + source.shape[1]] = source


@dataclass(frozen=True, slots=True)
class ColorTable:
    """What each of 256 indices looks like.

    Attributes:
        colors: uint8 (256, 3), BGR.
        opacity: uint8 (256,); 0 leaves the picture as it is.
    """

    colors: Image
    opacity: Image


def paint_bgr(picture: Image, index: Image, paint: ColorTable, *, dst: Image) -> Image:
    """Lay `paint` over a BGR picture.

    Args:
        picture: uint8 (h, w, 3).
        index: uint8 (h, w).
        paint: what each index looks like.
        dst: takes the result; the shape of `picture`.

    Returns:
        `dst`.
    """
    shares = cv2.LUT(index, 255 - paint.opacity)
    channels = [cv2.LUT(index, _premultiply(level, paint.opacity)) for level in paint.colors.T]
    cv2.multiply(picture, cv2.merge([shares, shares, shares]), dst=dst, scale=1 / 255)
    return cast(Image, cv2.add(dst, cv2.merge(channels), dst=dst))


def paint_i420(
    picture: Image, index: Image, paint: ColorTable, *, color: ColorSpace, dst: Image
) -> Image:
    """Lay `paint` over an I420 picture; see `paint_bgr`.

    Args:
        picture: uint8 (rows*3/2, columns).
        index: uint8 (h, w), the picture's true size, which may be odd.
        paint: what each index looks like.
        color: what YUV means in the picture.
        dst: takes the result; the shape of `picture`.
    """
    levels = _convert_to_yuv(paint.colors, color)
    whole = pad_even(index)
    for source, level, target in zip(split_planes(picture), levels, split_planes(dst), strict=True):
        size = (source.shape[1], source.shape[0])
        part = cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST)
        cv2.multiply(source, cv2.LUT(part, 255 - paint.opacity), dst=target, scale=1 / 255)
        cv2.add(target, cv2.LUT(part, _premultiply(level, paint.opacity)), dst=target)
    return dst


def _premultiply(level: Image, opacity: Image) -> Image:
    """Return what each index adds to the picture under it."""
    return np.rint(level * (opacity / 255)).astype(np.uint8)


def _convert_to_yuv(colors: Image, color: ColorSpace) -> list[Image]:
    """Return Y, U and V of each color."""
    patches = np.repeat(np.repeat(colors[None], 2, axis=0), 2, axis=1)
    luma, *chroma = split_planes(bgr_to_i420(patches, color))
    return [luma[0, ::2], *(plane[0] for plane in chroma)]
