"""Single objects, each painted in a color of its own, with its box, name and score."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Instance, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, check_classes
from rimlight.imaging.color import ColorSpace, bgr_to_i420, split_planes
from rimlight.imaging.compositing.blend import blend
from rimlight.imaging.draw import compute_line_height, draw_text_panel, paste_panel
from rimlight.imaging.palette import Bgr, assign_class_colors

Image = NDArray[np.uint8]

_COLORS = assign_class_colors([str(number) for number in range(24)], {})
"""Well apart from their neighbors."""
_LINES_IN_PICTURE = 300
"""Lines of a box that would fill a picture from top to bottom."""


class BoxesEffect(EffectTraits):
    """Draws the single objects of a mask; a frame whose mask has none stays as it is.

    An object that a tracker numbered keeps its color from frame to frame.

    Raises:
        ConfigError: the model lacks a class that was named.
    """

    class Options(opt.Options):
        """What is drawn of each object."""

        opacity: Annotated[float, Field(ge=0, le=1, description="of the mask; 0: none")] = 0.45
        classes: Annotated[Keep, Field(description="what is drawn; none: all objects")] = None
        boxes: Annotated[bool, Field(description="draw the box")] = True
        names: Annotated[bool, Field(description="write the class and the number")] = True
        scores: Annotated[bool, Field(description="write how sure the model is")] = True

    def __init__(self, options: Options) -> None:
        self._options = options

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with its objects drawn, the surest on top."""
        options = self._options
        check_classes(options.classes or (), mask.classes)
        if mask.instances is None or not len(mask.instances):
            return frame
        shape = mask.instances.shape
        found = [
            (item, _COLORS[(item.id or number) % len(_COLORS)])
            for number, item in enumerate(mask.instances)
            if options.classes is None or item.name in options.classes
        ]
        out = frame.image.copy()
        for item, color in reversed(found):
            _paint(out, item, shape, _levels(color, frame), round(options.opacity * 255))
        for item, color in reversed(found):
            if options.boxes:
                _frame_in(out, item, frame.size, _levels(color, frame))
            self._write(out, item, color, frame.size, frame.color)
        return replace(frame, image=out)

    def close(self) -> None:
        """Nothing to release."""

    def _write(
        self, out: Image, item: Instance, color: Bgr, size: tuple[int, int], space: ColorSpace
    ) -> None:
        """Put name and score above the box, or into it where there is no room above."""
        words = [f"{item.name} #{item.id}" if item.id else item.name] * self._options.names
        words += [f"{item.score:.2f}"] * self._options.scores
        if not words:
            return
        panel = draw_text_panel([(" ".join(words), color)], compute_line_height(size[1]) * 3 // 4)
        left, top = round(item.box[0] * size[0]), round(item.box[1] * size[1])
        down = top - panel.shape[0] if top >= panel.shape[0] else top
        paste_panel(out, panel, (min(left, size[0] - panel.shape[1]), down), color=space)


def _levels(color: Bgr, frame: Frame) -> tuple[tuple[int, ...], ...]:
    """Return the color in each layer of the frame's picture: one of BGR, or Y, U and V."""
    if frame.layout == "bgr":
        return (color,)
    patch = bgr_to_i420(np.full((2, 2, 3), color, np.uint8), frame.color)
    return tuple((int(plane[0, 0]),) for plane in split_planes(patch))


def _layers(picture: Image) -> tuple[Image, ...]:
    return (picture,) if picture.ndim == 3 else split_planes(picture)


def _paint(
    out: Image,
    item: Instance,
    shape: tuple[int, int],
    levels: tuple[tuple[int, ...], ...],
    opacity: int,
) -> None:
    """Lay a color over the pixels of an object."""
    if not opacity:
        return
    strength = np.rint(np.arange(256) * (opacity / 255)).astype(np.uint8)
    for target, level in zip(_layers(out), levels, strict=True):
        x, y = target.shape[1] / shape[1], target.shape[0] / shape[0]
        left, top = round(item.mask_box[0] * x), round(item.mask_box[1] * y)
        right, bottom = round(item.mask_box[2] * x), round(item.mask_box[3] * y)
        under = target[top:bottom, left:right]
        if not under.size:
            continue
        large = cv2.resize(item.mask, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        alpha = cv2.LUT(large, strength)
        if under.ndim == 3:
            alpha = cv2.merge([alpha, alpha, alpha])
        front = np.full_like(under, level)
        under[:] = blend(front, under, np.asarray(alpha, np.uint8), dst=np.empty_like(under))


def _frame_in(
    out: Image, item: Instance, size: tuple[int, int], levels: tuple[tuple[int, ...], ...]
) -> None:
    """Draw the box of an object, its lines inside it."""
    thick = 2 * max(1, round(size[1] / _LINES_IN_PICTURE / 2))
    for target, level in zip(_layers(out), levels, strict=True):
        line = thick if target.shape[1] >= size[0] else thick // 2
        wide, high = target.shape[1], target.shape[0]
        sides = np.array(item.box) * (wide, high, wide, high)
        left, top, right, bottom = np.rint(sides).astype(int).tolist()
        for part in (
            np.s_[top : top + line, left:right],
            np.s_[max(top, bottom - line) : bottom, left:right],
            np.s_[top:bottom, left : left + line],
            np.s_[top:bottom, max(left, right - line) : right],
        ):
            target[part] = level
