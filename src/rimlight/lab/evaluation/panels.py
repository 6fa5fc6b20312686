"""Small pictures that show what a mask does."""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import Alpha

Image = NDArray[np.uint8]
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.uint8])

STRIP_HEIGHT = 220
BACKDROP = (90, 190, 60)
"""BGR behind what was cut out: a green that neither skin nor most rooms hold."""


def cut_out(picture: Image, alpha: Alpha) -> Image:
    """Return BGR uint8 (h, w, 3) `picture` over the backdrop; alpha float32 (h, w) in [0, 1]."""
    behind = np.empty_like(picture)
    behind[:] = BACKDROP
    return cast(Image, cv2.blendLinear(picture, behind, alpha, 1 - alpha))


def painted(picture: Image, labels: NDArray[np.uint8]) -> Image:
    """Return `picture` half covered with one color for each label; `VOID` stays as it is."""
    colors = _palette()[labels]
    mixed = cv2.addWeighted(picture, 0.45, colors, 0.55, 0)
    return cast(Image, np.where((labels == VOID)[..., None], picture, mixed))


def alpha_strip(picture: Image, truth: Alpha, alpha: Alpha) -> Image:
    """Return the picture, the true cut-out and the given one, side by side and small."""
    small = _small(picture)
    return beside(small, cut_out(small, _small(truth)), cut_out(small, _small(alpha)))


def label_strip(picture: Image, truth: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Image:
    """Return the picture, the true classes and the given ones, side by side and small."""
    return _small(beside(picture, painted(picture, truth), painted(picture, labels)))


def beside(*pictures: Image) -> Image:
    """Return BGR pictures of one height in a row."""
    return cast(Image, np.hstack(pictures))


def caption(picture: Image, text: str) -> Image:
    """Return a copy of `picture` with `text` at its upper left."""
    out = picture.copy()
    scale = max(0.4, picture.shape[0] / 900)
    place = (8, round(28 * scale) + 4)
    for color, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(out, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, width, cv2.LINE_AA)
    return out


def _palette() -> Image:
    """Return 256 BGR colors, neighbors far apart: hues step by the golden angle."""
    steps = np.arange(256)
    hue = (steps * 111.246 % 180).astype(np.uint8)
    hsv = np.dstack([hue, np.full_like(hue, 200), np.full_like(hue, 235)])
    return cast(Image, cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0])


def _small(values: Values) -> Values:
    scale = STRIP_HEIGHT / values.shape[0]
    size = (max(1, round(values.shape[1] * scale)), STRIP_HEIGHT)
    return cast(Values, cv2.resize(values, size, interpolation=cv2.INTER_AREA))
