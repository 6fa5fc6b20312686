"""A color map: brightness becomes color."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.imaging.color import ColorSpace, bgr_to_i420, split_planes
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Compositor
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]
MapName = Literal[
    "viridis", "inferno", "magma", "plasma", "cividis", "turbo", "jet", "hot", "bone", "ocean",
    "winter", "summer", "autumn", "spring", "cool", "pink", "twilight", "rainbow",
]  # fmt: skip


class ColormapEffect(EffectTraits):
    """Paints the frame, its background or the person in the colors of a map, by brightness."""

    composites = True
    person_only = True

    class Options(opt.Options):
        """Which colors, and where."""

        positional: ClassVar[str | None] = "colors"

        colors: Annotated[MapName, Field(description="a color map of OpenCV")] = "viridis"
        where: Annotated[
            Literal["all", "background", "person"], Field(description="what is painted")
        ] = "all"
        keep: Annotated[
            Keep, Field(description="classes that count as the person; none: the model's own")
        ] = None

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = ArrayPool()
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` painted, as transparent as it was."""
        painted = self._paint(frame)
        where = self._options.where
        if where == "all":
            return replace(frame, image=painted)
        front, back = (painted, frame.image) if where == "person" else (frame.image, painted)
        if frame.layout == "bgr":
            alpha = compute_frame_alpha(replace(frame, alpha=None), mask, self._options.keep)
            return replace(frame, image=composite_bgr(front, back, alpha))
        small = compute_mask_alpha(mask, self._options.keep)
        shown = self._compositor.composite(front, back, small, mask.alpha_range)
        return replace(frame, image=shown)

    def close(self) -> None:
        """Nothing to release."""

    def _paint(self, frame: Frame) -> Image:
        if frame.layout == "bgr":
            gray = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
            return cast(Image, cv2.applyColorMap(gray, _get_map(self._options.colors)))
        out: Image = self._pool.acquire(frame.image.shape)
        luma = split_planes(frame.image)[0]
        half = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2))
        tables = _make_yuv_tables(self._options.colors, frame.color)
        for source, table, target in zip(
            (luma, half, half), tables, split_planes(out), strict=True
        ):
            cv2.LUT(source, table, dst=target)
        return out


def _get_map(name: str) -> int:
    return int(getattr(cv2, f"COLORMAP_{name.upper()}"))


@lru_cache(maxsize=4)
def _make_yuv_tables(name: str, color: ColorSpace) -> tuple[Image, ...]:
    """Return what becomes of each luma level: uint8 (256,) for Y, U and V."""
    levels = np.arange(256, dtype=np.float32)
    gray = levels if color.full_range else np.clip((levels - 16) * (255 / 219), 0, 255)
    colors = cv2.applyColorMap(gray.round().astype(np.uint8)[None], _get_map(name))
    pairs = np.repeat(np.repeat(colors, 2, axis=0), 2, axis=1).astype(np.uint8)
    luma, *chroma = split_planes(bgr_to_i420(pairs, color))
    return (luma[0, ::2].copy(), *(plane[0].copy() for plane in chroma))
