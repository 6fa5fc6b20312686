"""A hologram: the person in cyan light, with lines, slightly transparent."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.effects.mask_move import get_soft_scores
from rimlight.imaging.color import ColorSpace, bgr_to_i420, i420_to_bgr, split_planes
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Compositor
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

_LIGHT = (255, 214, 90)
"""BGR of the light."""
_LINES = 90
"""Scan lines in the height of a frame."""
_LINES_PER_S = 6.0
_GHOST = 0.012
"""Distance of the second image, in widths of the frame."""


class HologramEffect(EffectTraits):
    """Shows the person as a hologram; a background that is put in after it shines through."""

    composites = True
    person_only = True
    position = EffectPosition.CONTENT

    class Options(opt.Options):
        """How solid it is."""

        opacity: Annotated[
            float, Field(gt=0, le=1, description="opacity of the person before the background")
        ] = 0.85
        keep: Annotated[
            Keep, Field(description="classes that are shown so; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = ArrayPool()
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the person as a hologram, as transparent as it was."""
        light = self._draw(frame)
        if frame.layout == "i420":
            small = compute_mask_alpha(mask, self._options.keep)
            shown = self._compositor.composite(light, frame.image, small, mask.alpha_range)
            return replace(frame, image=shown)
        alpha = compute_frame_alpha(replace(frame, alpha=None), mask, self._options.keep)
        width, height = frame.size
        bgr = np.ascontiguousarray(i420_to_bgr(light, frame.color)[:height, :width])
        return replace(frame, image=composite_bgr(bgr, frame.image, alpha))

    def transform_mask(self, mask: Mask) -> Mask:
        """Return a mask that is nowhere more opaque than the hologram."""
        low, high = mask.alpha_range
        most = low + _invert_smooth_step(self._options.opacity) * (high - low)
        return mask.with_scores(np.minimum(get_soft_scores(mask), np.float32(most)))

    def close(self) -> None:
        """Nothing to release."""

    def _draw(self, frame: Frame) -> Image:
        """Return I420 with the light of a hologram everywhere."""
        i420 = frame.i420
        out: Image = self._pool.acquire(i420.shape)
        luma, *chroma = split_planes(out)
        source = split_planes(i420)[0]
        away = max(1, round(_GHOST * luma.shape[1]))
        cv2.addWeighted(source, 0.75, np.roll(source, away, axis=1), 0.35, 0, dst=luma)
        lines = _make_lines(luma.shape[0], float(frame.pts))
        cv2.multiply(luma, np.repeat(lines, luma.shape[1], axis=1), dst=luma, scale=1 / 255)
        for plane, level in zip(chroma, _get_chroma(frame.color), strict=True):
            plane[:] = level
        return out


@lru_cache(maxsize=2)
def _make_line_profile(height: int) -> Image:
    """Return one brightness for each row, for two heights: uint8 (2 * height, 1)."""
    phase = np.arange(2 * height) * (_LINES / height)
    levels = 205 + 50 * np.sin(2 * np.pi * phase)
    return cast(Image, levels.astype(np.uint8)[:, None])


def _make_lines(height: int, time_s: float) -> Image:
    """Return the brightness of each row at a moment: the lines run down."""
    start = round(-time_s * _LINES_PER_S * height / _LINES) % height
    return _make_line_profile(height)[start : start + height]


@lru_cache(maxsize=4)
def _get_chroma(color: ColorSpace) -> tuple[int, int]:
    patch = bgr_to_i420(np.full((2, 2, 3), _LIGHT, np.uint8), color)
    _, blue, red = split_planes(patch)
    return int(blue[0, 0]), int(red[0, 0])


def _invert_smooth_step(level: float) -> float:
    """Return t in [0, 1] with 3t^2 - 2t^3 = `level` (Inigo Quilez, "Inverse smoothstep")."""
    return float(0.5 - np.sin(np.arcsin(1 - 2 * level) / 3))
