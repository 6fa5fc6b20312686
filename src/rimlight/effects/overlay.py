"""Classes painted on the picture, with a legend."""

from __future__ import annotations

from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight import options as opt
from rimlight.effects.keep import Keep
from rimlight.errors import ConfigError
from rimlight.frame import Frame, Mask
from rimlight.imaging.colour import bgr_to_i420, even_size, planes
from rimlight.imaging.draw import put_on_bgr, put_on_i420, text_panel
from rimlight.imaging.palette import UNPAINTED, Bgr, class_colours
from rimlight.registry import suggest

Image = NDArray[np.uint8]

LEGEND_FROM = 0.005
"""Classes below this share of the picture are not in the legend."""
LEGEND_LINES = 12


class OverlayEffect:
    """Paints each class in its colour and names those that are there, with their share.

    Raises:
        ConfigError: a colour of the palette is none, or the model lacks a class that was named.
    """

    class Options(opt.Options):
        """What is painted, and how."""

        opacity: Annotated[float, Field(ge=0, le=1)] = 0.5
        classes: Annotated[
            Keep, Field(description="what is painted; none: all but background and void")
        ] = None
        palette: Annotated[
            dict[str, str], Field(description="class: colour, where the usual one won't do")
        ] = Field(default_factory=dict)
        legend: Annotated[bool, Field(description="name the colours in the picture")] = True

    def __init__(self, options: Options) -> None:
        self._options = options
        self._colours: dict[tuple[str, ...], list[Bgr]] = {}

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with its classes painted."""
        colours, painted = self._colours_of(mask), self._painted(mask)
        paint, opacity = self._paint(mask, colours, painted)
        if frame.layout == "bgr":
            shown = frame.with_bgr(_painted_bgr(frame.image, paint, opacity), frame.alpha)
        else:
            shown = frame.with_i420(_painted_i420(frame, paint, opacity))
        if self._options.legend:
            self._add_legend(shown, mask, colours, painted)
        return shown

    def close(self) -> None:
        """Nothing to release."""

    def _colours_of(self, mask: Mask) -> list[Bgr]:
        if mask.classes not in self._colours:
            try:
                self._colours[mask.classes] = class_colours(mask.classes, self._options.palette)
            except ValueError as exc:
                raise ConfigError(f"overlay palette: {exc}") from exc
        return self._colours[mask.classes]

    def _painted(self, mask: Mask) -> list[int]:
        named = self._options.classes
        if named is None:
            return [i for i, name in enumerate(mask.classes) if name not in UNPAINTED]
        for name in named:
            if name not in mask.classes:
                raise ConfigError(
                    f"the model has no class {name!r}", hint=suggest(name, mask.classes)
                )
        return [mask.classes.index(name) for name in named]

    def _paint(self, mask: Mask, colours: list[Bgr], painted: list[int]) -> tuple[Image, Image]:
        """Return (BGR colour, opacity) at the mask's size."""
        lut = np.zeros((256, 3), np.uint8)
        lut[: len(colours)] = colours
        opacity = np.zeros(256, np.uint8)
        opacity[painted] = round(self._options.opacity * 255)
        return lut[mask.labels], opacity[mask.labels]

    def _add_legend(self, frame: Frame, mask: Mask, colours: list[Bgr], painted: list[int]) -> None:
        counts = np.bincount(mask.labels.reshape(-1), minlength=256) / mask.labels.size
        there = sorted((i for i in painted if counts[i] >= LEGEND_FROM), key=lambda i: -counts[i])
        if not there:
            return
        lines = [(f"{mask.classes[i]} {counts[i]:.0%}", colours[i]) for i in there[:LEGEND_LINES]]
        panel = text_panel(lines, max(8, frame.size[1] // 28))
        if frame.layout == "bgr":
            put_on_bgr(frame.image, panel)
        else:
            put_on_i420(frame.image, panel, frame.colour)


def _painted_bgr(picture: Image, paint: Image, opacity: Image) -> Image:
    size = (picture.shape[1], picture.shape[0])
    weight = cv2.resize(opacity, size) * np.float32(1 / 255)
    return cast(Image, cv2.blendLinear(cv2.resize(paint, size), picture, weight, 1 - weight))


def _painted_i420(frame: Frame, paint: Image, opacity: Image) -> Image:
    columns, rows = even_size((paint.shape[1], paint.shape[0]))
    even = cast(Image, cv2.resize(paint, (columns, rows), interpolation=cv2.INTER_NEAREST))
    out = np.empty_like(frame.image)
    layers = (planes(bgr_to_i420(even, frame.colour)), planes(frame.image), planes(out))
    for colour, source, target in zip(*layers, strict=True):
        size = (source.shape[1], source.shape[0])
        weight = cv2.resize(opacity, size) * np.float32(1 / 255)
        cv2.blendLinear(cv2.resize(colour, size), source, weight, 1 - weight, dst=target)
    return out
