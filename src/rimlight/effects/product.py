"""Product pictures, as web shops ask for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.backgrounds import open_background
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.edge_color import estimate_foreground
from rimlight.imaging.geometry import Fit

Image = NDArray[np.uint8]
_FAINT = 8
"""From this opacity on a pixel belongs to an object."""
_SPECK = 0.01
"""What is smaller than this share of the largest object does not count when a picture is cut."""
_SHADOW_SHARE = 0.02
"""How far a shadow falls and how soft it is, in shares of the canvas's longer side."""
_FINE_PX = 4
"""A blur of this many pixels is fine enough to be made large again."""


def _share(value: Any) -> Any:
    percent = re.fullmatch(r"\s*([\d.]+)\s*%\s*", value) if isinstance(value, str) else None
    return float(percent[1]) / 100 if percent else value


Share = Annotated[float, BeforeValidator(_share)]
"""A part of a whole: 0.08, or "8%"."""


class ProductEffect(EffectTraits):
    """Puts what was cut out on a canvas: trimmed, with a margin, square, with a shadow, one size.

    It comes after `cutout`, and shows the object in its own colors, without a rim of the room's.
    Without any option it does nothing.
    """

    class Options(opt.Options):
        """The canvas, and what is under and behind the object."""

        trim: Annotated[bool, Field(description="cut away what is empty around it")] = False
        margin: Annotated[
            Share, Field(ge=0, lt=0.45, description="room around it: 8% of the longer side")
        ] = 0.0
        square: Annotated[bool, Field(description="as wide as high")] = False
        size_px: Annotated[
            int | None, Field(ge=1, le=16384, description="length of the longer side")
        ] = None
        shadow: Annotated[float, Field(ge=0, le=1, description="opacity of a shadow")] = 0.0
        background: Annotated[
            str | None, Field(description="a color, or a picture file; none: transparent")
        ] = None
        fit: Annotated[Fit, Field(description="how a picture meets the canvas")] = "fill"

    @classmethod
    def outputs_alpha(cls, options: Options, *, has_alpha: bool) -> bool:
        """Return True if the frames have alpha and no background is put behind them."""
        return has_alpha and options.background is None

    def __init__(self, options: Options) -> None:
        self._options = options
        self._canvas = Canvas(options.trim, options.margin, options.square, options.size_px)
        self._background = None
        if options.background is not None:
            self._background = open_background(
                options.background, fit=options.fit, pad_color=(0, 0, 0)
            )

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return the picture on its canvas."""
        if self._options == type(self._options)():
            return frame
        if frame.alpha is None:  # nothing was cut out, so all of it is the object
            opaque = np.full(frame.bgr.shape[:2], 255, np.uint8)
            bgr, alpha = place_on_canvas(frame.bgr, opaque, self._canvas)
        else:
            bgr, alpha = place_on_canvas(frame.bgr, frame.alpha, self._canvas)
            bgr = estimate_foreground(bgr, alpha)
        if self._options.shadow:
            bgr, alpha = add_shadow(bgr, alpha, self._options.shadow)
        made = frame.with_bgr(bgr, alpha)
        if self._background is None:
            return made
        return frame.with_bgr(composite_bgr(bgr, self._background.fit_to(made), alpha))

    def close(self) -> None:
        """Close the background."""
        if self._background is not None:
            self._background.close()


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a picture is put on.

    Attributes:
        trim: cut away what is empty around the object first.
        margin: room around it, a share of the canvas's longer side, below 0.5.
        square: as wide as high.
        size_px: length of the longer side; None leaves the picture's own pixels.
    """

    trim: bool = False
    margin: float = 0.0
    square: bool = False
    size_px: int | None = None


def find_bounds(alpha: Image) -> tuple[int, int, int, int]:
    """Return (left, top, width, height) of what is seen; all of it where nothing is.

    Args:
        alpha: uint8 (h, w), opacity.
    """
    count, _, stats, _ = cv2.connectedComponentsWithStats((alpha >= _FAINT).astype(np.uint8))
    if count == 1:
        return 0, 0, alpha.shape[1], alpha.shape[0]
    boxes = np.asarray(stats, np.int64)[1:]
    areas = boxes[:, cv2.CC_STAT_AREA]
    boxes = boxes[areas >= _SPECK * areas.max()]
    left, top = boxes[:, 0].min(), boxes[:, 1].min()
    right, bottom = (boxes[:, 0] + boxes[:, 2]).max(), (boxes[:, 1] + boxes[:, 3]).max()
    return int(left), int(top), int(right - left), int(bottom - top)


def place_on_canvas(bgr: Image, alpha: Image, canvas: Canvas) -> tuple[Image, Image]:
    """Put a cut-out picture on a transparent canvas, in its middle.

    Args:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w), opacity.
        canvas: how large.

    Returns:
        uint8 (height, width, 3) and (height, width); no pixel of the object is cut off.
    """
    left, top, width, height = find_bounds(alpha) if canvas.trim else (0, 0, *alpha.shape[::-1])
    rows, columns = slice(top, top + height), slice(left, left + width)
    room = canvas.margin * max(width, height) / (1 - 2 * canvas.margin)
    longest = max(width, height) + 2 * room
    scale = canvas.size_px / longest if canvas.size_px else 1.0
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    outer = [side + 2 * round(room * scale) for side in inner]
    if canvas.square:
        outer = [max(outer)] * 2
    if canvas.size_px:  # rounding must not make it a pixel more or less
        outer = [canvas.size_px if side == max(outer) else side for side in outer]
    return (
        _padded(_resized(bgr[rows, columns], inner), outer),
        _padded(_resized(alpha[rows, columns], inner), outer),
    )


def add_shadow(bgr: Image, alpha: Image, strength: float) -> tuple[Image, Image]:
    """Let the object of a cut-out picture throw a soft shadow downwards.

    Args:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w), opacity.
        strength: opacity of the shadow, in [0, 1].

    Returns:
        The picture over its shadow, uint8 (h, w, 3) and (h, w).
    """
    reach = _SHADOW_SHARE * max(alpha.shape)
    shade = np.zeros_like(alpha)
    fall = min(round(reach), alpha.shape[0] - 1)
    shade[fall:] = alpha[: alpha.shape[0] - fall]
    opacity = alpha.astype(np.float32) * np.float32(1 / 255)
    under = _blurred(shade, reach).astype(np.float32) * np.float32(strength / 255) * (1 - opacity)
    total = opacity + under
    share = np.divide(opacity, total, out=np.ones_like(total), where=total > 0)
    darker = np.rint(bgr * share[..., None]).astype(np.uint8)
    return darker, np.rint(total * 255).astype(np.uint8)


def _blurred(alpha: Image, sigma_px: float) -> Image:
    """Blur uint8 (h, w) at a size at which that is quick."""
    factor = max(1, int(sigma_px / _FINE_PX))
    height, width = alpha.shape
    size = max(1, width // factor), max(1, height // factor)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(0.1, sigma_px / factor))
    return cast(Image, cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC))


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    if picture.shape[1::-1] == size:
        return picture
    smaller = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cast(Image, cv2.resize(picture, size, interpolation=how))


def _padded(picture: Image, size: list[int]) -> Image:
    """Put uint8 `picture` into the middle of zeros of (width, height) `size`."""
    left, top = (size[0] - picture.shape[1]) // 2, (size[1] - picture.shape[0]) // 2
    out = np.zeros((size[1], size[0], *picture.shape[2:]), np.uint8)
    out[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return out
