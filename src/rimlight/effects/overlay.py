"""Classes painted on the picture, with a legend."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, check_classes
from rimlight.imaging.compositing.i420 import quantize, upscale_mask
from rimlight.imaging.draw import (
    ColorTable,
    draw_fitting_panel,
    paint_bgr,
    paint_i420,
    paste_in_corner,
)
from rimlight.imaging.masks import upscale_labels
from rimlight.imaging.palette import UNPAINTED_CLASSES, Bgr, assign_class_colors, parse_color
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

LEGEND_FROM = 0.005
"""A class enters the legend when it has this share of the picture; then it stays there."""
LEGEND_LINES = 12

_OUTLINE = 128
"""Added to a class's index on its outline."""
_PATH = 255
"""The index of the outline of the path ahead."""
_PATH_COLOR = (0, 200, 255)

_LINES_IN_PICTURE = 360
"""Outlines that would fill a picture from top to bottom."""


class OverlayEffect(EffectTraits):
    """Paints each class in its color and names those that are there, with their share.

    Raises:
        ConfigError: a color of the palette is none, or the model lacks a class that was named.
    """

    class Options(opt.Options):
        """What is painted, and how."""

        opacity: Annotated[float, Field(ge=0, le=1, description="of the colors; 0: none")] = 0.5
        classes: Annotated[
            Keep, Field(description="what is painted; none: all but background and void")
        ] = None
        palette: Annotated[
            dict[str, str], Field(description="class: color, where the usual one won't do")
        ] = Field(default_factory=dict)
        contours: Annotated[bool, Field(description="draw an outline round each class")] = False
        legend: Annotated[bool, Field(description="name the colors in the picture")] = True
        ego_path: Annotated[
            tuple[float, float, float, float, float, float] | None,
            Field(description="outline this path: left, right, height of its near, then far edge"),
        ] = None

    def __init__(self, options: Options) -> None:
        _check_palette(options.palette)
        self._options = options
        self._classes: tuple[str, ...] = ()
        self._colors: list[Bgr] = []
        self._painted: list[int] = []
        self._seen: set[int] = set()
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with its classes painted."""
        if mask.classes != self._classes:
            self._learn(mask.classes)
        out = self._pool.acquire(frame.image.shape)
        index, paint = self._coat(mask, frame.size)
        if frame.layout == "bgr":
            paint_bgr(frame.image, index, paint, dst=out)
        else:
            paint_i420(frame.image, index, paint, color=frame.color, dst=out)
        lines = self._legend(mask) if self._options.legend else []
        if lines:
            paste_in_corner(out, draw_fitting_panel(lines, frame.size), color=frame.color)
        return replace(frame, image=out)

    def close(self) -> None:
        """Nothing to release."""

    def _learn(self, classes: tuple[str, ...]) -> None:
        """Look up what the options say about the classes of a model."""
        named = self._options.classes
        check_classes((*(named or ()), *self._options.palette), classes)
        shown = (
            [name for name in classes if name not in UNPAINTED_CLASSES] if named is None else named
        )
        self._painted = [classes.index(name) for name in shown]
        self._colors = assign_class_colors(classes, self._options.palette)
        self._classes = classes
        self._seen = set()

    def _coat(self, mask: Mask, size: tuple[int, int]) -> tuple[Image, ColorTable]:
        """Return an index for each pixel, and what the indices look like."""
        full = round(self._options.opacity * 255)
        colors, opacity = np.zeros((256, 3), np.uint8), np.zeros(256, np.uint8)
        soft = len(mask.classes) == 1 and mask.data.dtype != np.uint8
        if soft and not self._options.contours and self._options.ego_path is None:
            colors[:] = self._colors[0]
            opacity[:] = np.rint(np.arange(256) * full / 255) * bool(self._painted)
            return compute_score_index(mask, size), ColorTable(colors, opacity)
        count = min(len(self._colors), _OUTLINE)
        colors[:count] = colors[_OUTLINE : _OUTLINE + count] = self._colors[:count]
        opacity[self._painted] = full
        opacity[[_OUTLINE + number for number in self._painted if number < count]] = 255
        index = compute_class_index(mask, size)
        index = add_outlines(index, _OUTLINE) if self._options.contours else index
        if self._options.ego_path is not None:
            colors[_PATH], opacity[_PATH] = _PATH_COLOR, 255
            index = _draw_ego_path(index, self._options.ego_path)
        return index, ColorTable(colors, opacity)

    def _legend(self, mask: Mask) -> list[tuple[str, Bgr | None]]:
        """Return the lines of the legend, in the order of the classes so that they hold still."""
        shares = np.bincount(mask.labels.reshape(-1), minlength=256) / mask.labels.size
        self._seen |= {number for number in self._painted if shares[number] >= LEGEND_FROM}
        largest = sorted(self._seen, key=lambda number: -shares[number])[:LEGEND_LINES]
        return [(f"{mask.classes[i]} {shares[i]:.0%}", self._colors[i]) for i in sorted(largest)]


def _draw_ego_path(index: Image, path: tuple[float, ...]) -> Image:
    """Return `index` with the outline of a path drawn in."""
    near_left, near_right, near, far_left, far_right, far = path
    corners = np.array([[near_left, near], [near_right, near], [far_right, far], [far_left, far]])
    points = np.rint(corners * (index.shape[1] - 1, index.shape[0] - 1)).astype(np.int32)
    width_px = max(2, index.shape[0] // 240)
    # A copy: what is given may be kept from frame to frame.
    return cast(Image, cv2.polylines(index.copy(), [points], True, _PATH, width_px))


def _check_palette(palette: dict[str, str]) -> None:
    for name, text in palette.items():
        try:
            parse_color(text)
        except ValueError as exc:
            raise ConfigError(f"effect 'overlay': palette: {name}: {exc}") from exc


def compute_score_index(mask: Mask, size: tuple[int, int]) -> Image:
    """Return the score of the only class of `mask` at (width, height), uint8 levels."""
    return upscale_mask(quantize(mask.scores[..., 0]), size, mask.alpha_range)


def compute_class_index(mask: Mask, size: tuple[int, int]) -> Image:
    """Return the number of the class that each pixel of (width, height) shows, uint8.

    Only classes that win somewhere at the mask's own size compete. With a single class, 0 is that
    class and 1 stands for none of it.
    """
    if len(mask.classes) == 1 and mask.data.dtype != np.uint8:
        return np.where(compute_score_index(mask, size) >= 128, np.uint8(0), np.uint8(1))
    present = np.flatnonzero(np.bincount(mask.labels.reshape(-1)))
    return upscale_labels([(number, _layer(mask, number)) for number in present.tolist()], size)


def add_outlines(index: Image, offset: int) -> Image:
    """Return `index` with `offset`, a power of two, added along the inside of each border."""
    width_px = 1 + 2 * max(1, index.shape[0] // _LINES_IN_PICTURE)
    around = np.ones((width_px, width_px), np.uint8)
    border = cv2.compare(cv2.dilate(index, around), cv2.erode(index, around), cv2.CMP_NE)
    return index | np.where(border, np.uint8(offset), np.uint8(0))


def _layer(mask: Mask, number: int) -> Image:
    if mask.data.dtype == np.uint8:
        return np.where(mask.labels == number, np.uint8(255), np.uint8(0))
    return quantize(mask.scores[..., number])
