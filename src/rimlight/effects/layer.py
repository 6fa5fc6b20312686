"""A foreground layer: an image with transparency over the frame, such as a lower third."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.imaging.color import bgr_to_i420, pad_even, round_up_to_even, split_planes
from rimlight.imaging.compositing.blend import blend, composite_bgr
from rimlight.imaging.image_files.read import describe_read_error, read_image_file
from rimlight.imaging.pool import ArrayPool
from rimlight.media.paths import strip_file_scheme

Image = NDArray[np.uint8]
Anchor = Literal[
    "frame", "top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom",
    "bottom-right",
]  # fmt: skip

_HINT = "use a PNG or WebP image with transparency"
_MARGIN = 0.03
"""Distance of an anchored image from the border, as a share of the frame's height."""


class LayerEffect(EffectTraits):
    """Shows an image over the frame, as it is transparent.

    Raises:
        ConfigError: the image cannot be read, or it would hide the whole frame.
    """

    person_only = True
    position = EffectPosition.TOP

    class Options(opt.Options):
        """Which image, and where."""

        positional: ClassVar[str | None] = "image"

        image: Annotated[opt.FileName, Field(description="a PNG or WebP image with transparency")]
        anchor: Annotated[
            Anchor, Field(description="frame: stretched over the frame; else where it is placed")
        ] = "frame"
        width: Annotated[
            float, Field(gt=0, le=1, description="of an anchored image, share of the frame's width")
        ] = 0.25
        opacity: Annotated[float, Field(ge=0, le=1, description="1: as the image itself")] = 1.0

    def __init__(self, options: Options) -> None:
        self._options = options
        self._bgr, self._alpha = _read(options)
        self._pool = ArrayPool()
        self._fitted: _Fitted | None = None
        self._form: tuple[object, ...] = ()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` under the image."""
        fitted = self._fit(frame)
        if frame.layout == "bgr" or frame.alpha is not None:
            return fitted.cover_bgr(frame)
        out: Image = self._pool.acquire(frame.image.shape)
        np.copyto(out, frame.image)
        fitted.cover_i420(frame.image, out)
        return replace(frame, image=out)

    def close(self) -> None:
        """Nothing to release."""

    def _fit(self, frame: Frame) -> _Fitted:
        form = (frame.size, frame.color)
        if self._fitted is None or form != self._form:
            self._fitted, self._form = self._place(frame), form
        return self._fitted

    def _place(self, frame: Frame) -> _Fitted:
        """Return the image on a picture of the frame's size, which is transparent elsewhere."""
        width, height = frame.size
        size, at = (width, height), (0, 0)
        if self._options.anchor != "frame":
            size = self._scale_to(frame.size)
            at = _compute_place(self._options.anchor, size, frame.size)
        rows, columns = slice(at[1], at[1] + size[1]), slice(at[0], at[0] + size[0])
        bgr, alpha = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        bgr[rows, columns] = cv2.resize(self._bgr, size, interpolation=cv2.INTER_AREA)
        alpha[rows, columns] = cv2.resize(self._alpha, size, interpolation=cv2.INTER_AREA)
        return _Fitted.make(bgr, alpha, frame)

    def _scale_to(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        scale = self._options.width * frame_size[0] / self._bgr.shape[1]
        scale = min(scale, frame_size[1] / self._bgr.shape[0])
        height, width = self._bgr.shape[:2]
        return max(1, int(width * scale)), max(1, int(height * scale))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The image at the size of a frame.

    Attributes:
        bgr: uint8 (h, w, 3).
        alpha: uint8 (h, w).
        i420: its planes.
        alphas: uint8, one for each plane.
        box: (left, top, right, bottom) in pixels around what is not transparent, even.
    """

    bgr: Image
    alpha: Image
    i420: Image
    alphas: tuple[Image, Image, Image]
    box: tuple[int, int, int, int]

    @classmethod
    def make(cls, bgr: Image, alpha: Image, frame: Frame) -> _Fitted:
        even = pad_even(alpha)
        half = cast(Image, cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2)))
        left, top, width, height = cv2.boundingRect(alpha)
        right, bottom = round_up_to_even((left + width, top + height))
        box = left // 2 * 2, top // 2 * 2, right, bottom
        return cls(bgr, alpha, bgr_to_i420(pad_even(bgr), frame.color), (even, half, half), box)

    def cover_i420(self, image: Image, out: Image) -> None:
        """Write the image over `image` into `out`, which shows `image` already."""
        left, top, right, bottom = self.box
        planes = zip(
            split_planes(self.i420), self.alphas, split_planes(image), split_planes(out),
            strict=True,
        )  # fmt: skip
        for index, (front, alpha, back, target) in enumerate(planes):
            step = 2 if index else 1
            area = slice(top // step, bottom // step), slice(left // step, right // step)
            if alpha[area].size:
                blend(front[area], back[area], alpha[area], dst=target[area])

    def cover_bgr(self, frame: Frame) -> Frame:
        """Return `frame` as BGR under the image; what was transparent is less so."""
        shown = composite_bgr(self.bgr, frame.bgr, self.alpha)
        if frame.alpha is None:
            return frame.with_bgr(shown)
        rest = cv2.multiply(frame.alpha, cv2.bitwise_not(self.alpha), scale=1 / 255)
        return frame.with_bgr(shown, cast(Image, cv2.add(self.alpha, rest)))


def _read(options: LayerEffect.Options) -> tuple[Image, Image]:
    path = Path(os.path.expanduser(strip_file_scheme(options.image)))
    try:
        read = read_image_file(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"the layer {path} cannot be read: {describe_read_error(exc)}", hint=_HINT
        ) from exc
    alpha = np.full(read.bgr.shape[:2], 255, np.uint8) if read.alpha is None else read.alpha
    if options.anchor == "frame" and int(alpha.min()) == 255:
        raise ConfigError(
            f"the layer {path} is not transparent anywhere: it would hide the frame",
            hint=f"{_HINT}, or set an anchor such as bottom-right",
        )
    return read.bgr, cast(Image, cv2.convertScaleAbs(alpha, alpha=options.opacity))


def _compute_place(
    anchor: Anchor, size: tuple[int, int], frame: tuple[int, int]
) -> tuple[int, int]:
    """Return (left, top) of an image of `size` in a frame."""
    margin = round(_MARGIN * frame[1])
    room = frame[0] - size[0], frame[1] - size[1]
    across = 0.0 if "left" in anchor else 1.0 if "right" in anchor else 0.5
    down = 0.0 if "top" in anchor else 1.0 if "bottom" in anchor else 0.5
    inset = tuple(min(margin, side // 2) for side in room)
    return (
        round(inset[0] + across * (room[0] - 2 * inset[0])),
        round(inset[1] + down * (room[1] - 2 * inset[1])),
    )
