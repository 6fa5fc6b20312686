"""Small text panels, and putting them on pictures of either layout."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.colour import ColourSpace, bgr_to_i420, pad_even, planes
from rimlight.imaging.palette import Bgr

Image = NDArray[np.uint8]
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK = (255, 255, 255)
PAPER = (32, 32, 32)


def text_panel(lines: Sequence[tuple[str, Bgr | None]], line_height_px: int) -> Image:
    """Draw lines of text, each with a colour patch before it or none, as a BGR panel.

    Args:
        lines: (text, colour of the patch or None).
        line_height_px: height of one line, 8 or more.
    """
    scale = line_height_px / 32
    thickness = max(1, round(scale * 1.5))
    widths = [cv2.getTextSize(text, FONT, scale, thickness)[0][0] for text, _ in lines]
    indent = line_height_px if any(colour for _, colour in lines) else 0
    margin = line_height_px // 3
    shape = (line_height_px * len(lines) + 2 * margin, max(widths) + indent + 2 * margin, 3)
    panel = np.full(shape, PAPER, np.uint8)
    for number, (text, colour) in enumerate(lines):
        top = margin + number * line_height_px
        if colour:
            side = line_height_px * 2 // 3
            panel[top + margin // 2 : top + margin // 2 + side, margin : margin + side] = colour
        at = (margin + indent, top + line_height_px * 3 // 4)
        cv2.putText(panel, text, at, FONT, scale, INK, thickness, cv2.LINE_AA)
    return panel


def put_on_bgr(picture: Image, panel: Image) -> None:
    """Write `panel` into the top left of a BGR picture; what does not fit is cut off."""
    height, width = (min(a, b) for a, b in zip(picture.shape[:2], panel.shape[:2], strict=True))
    picture[:height, :width] = panel[:height, :width]


def put_on_i420(picture: Image, panel: Image, colour: ColourSpace) -> None:
    """Write a BGR `panel` into the top left of an I420 picture; what does not fit is cut off."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    part = pad_even(panel)[:height, :width]
    small = planes(bgr_to_i420(np.ascontiguousarray(part), colour))
    for source, target in zip(small, planes(picture), strict=True):
        target[: source.shape[0], : source.shape[1]] = source
