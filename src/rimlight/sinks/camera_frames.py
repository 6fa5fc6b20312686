"""What every virtual camera does with a frame: one size, BT.601 of limited range, no alpha."""

from __future__ import annotations

from typing import cast

import cv2

from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame
from rimlight.imaging.color import BT601, Image, bgr_to_i420, pad_even, round_up_to_even


def check_opaque(frame: Frame) -> None:
    """Check that `frame` has no alpha.

    Raises:
        SinkError: it has, which no camera can show.
    """
    if frame.alpha is not None:
        raise SinkError(
            "a virtual camera cannot show transparency",
            hint="put a picture, a color or a blur behind the person",
        )


def make_camera_i420(frame: Frame, size: tuple[int, int]) -> Image:
    """Return `frame` as I420 (height*3/2, width), stretched to `size` if it has another.

    Programs take a camera's YUV for BT.601 of limited range, so other frames are converted.

    Args:
        frame: an opaque frame.
        size: (width, height) in pixels, both even.
    """
    if round_up_to_even(frame.size) != size:
        stretched = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_AREA)
        return bgr_to_i420(cast(Image, stretched))
    return frame.i420 if frame.color == BT601 else bgr_to_i420(pad_even(frame.bgr))
