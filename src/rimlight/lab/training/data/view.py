"""Which part of a picture is seen, and how: one mapping for the picture and all that belongs to it.

A view is an affine map from shares of the result (0..1 across and down) to shares of the picture,
so that it fits a picture, its labels and a teacher's smaller scores alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.options import IGNORED, AugmentOptions, Fit

Size = tuple[int, int]
Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.float32])


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A part of a picture, shown at `size`.

    Attributes:
        matrix: float64 (2, 3), from shares of the result to shares of the picture.
        size: (width, height) of the result.
    """

    matrix: NDArray[np.float64]
    size: Size

    def picture(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is seen of uint8 (h, w, 3), smoothly; black beside the picture."""
        return _warp(_shrunk(image, self._step(image)), self._pixels, self.size, cv2.INTER_LINEAR)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is seen of uint8 (h, w), the nearest label; `IGNORED` beside the picture."""
        return _warp(labels, self._pixels, self.size, cv2.INTER_NEAREST, outside=IGNORED)

    def scores(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is seen of float32 (h, w, classes) of any resolution; 0 beside it."""
        warped = _warp(scores, self._pixels, self.size, cv2.INTER_LINEAR)
        return warped.reshape(*warped.shape[:2], -1)

    def _pixels(self, size: Size) -> NDArray[np.float64]:
        """Return the matrix from pixels of the result to those of a picture of `size`."""
        to_picture = np.diag((*size, 1.0))
        to_share = np.diag((1 / self.size[0], 1 / self.size[1], 1.0))
        whole = to_picture @ np.vstack([self.matrix, [0, 0, 1]]) @ to_share
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel n has its center at n + 1/2
        pixels: NDArray[np.float64] = (np.linalg.inv(half) @ whole @ half)[:2]
        return pixels

    def _step(self, image: NDArray[Any]) -> int:
        """Return how many pixels of the picture, at least, a step in the result passes over."""
        pixels = self._pixels((image.shape[1], image.shape[0]))
        return max(1, int(np.linalg.norm(pixels[:, :2], axis=0).min() + 1e-6))


def whole_view(source: Size, size: Size, fit: Fit) -> View:
    """Return the view of a whole picture of size `source`; of "cover", its middle."""
    return _view(source, size, _window(source, size, fit))


def random_view(
    rng: np.random.Generator, source: Size, size: Size, *, fit: Fit, augment: AugmentOptions
) -> View:
    """Return a view that is cut out, shrunk, stretched, turned and mirrored at random.

    The window lies anywhere within the picture, or, where it is larger, anywhere around it.
    """
    low, high = np.log1p(-augment.crop), np.log1p(augment.scale)
    zoom, shape = np.exp(rng.uniform(low, high)), rng.uniform(-0.5, 0.5)
    ratio = (1 + augment.stretch) ** shape
    wide, high_ = _window(source, size, fit)
    window = (wide * zoom * ratio, high_ * zoom / ratio)
    room = np.abs(1 - np.array(window)) / 2
    center = 0.5 + rng.uniform(-1, 1, 2) * room
    return _view(
        source,
        size,
        window,
        center=(float(center[0]), float(center[1])),
        degrees=rng.uniform(-1, 1) * augment.rotate,
        mirrored=bool(rng.random() < augment.flip),
    )


def _window(source: Size, size: Size, fit: Fit) -> tuple[float, float]:
    """Return width and height of what is seen, as shares of the picture."""
    if fit == "stretch":
        return 1.0, 1.0
    wider = (size[0] * source[1]) / (size[1] * source[0])  # the result's shape over the picture's
    if (wider > 1) == (fit == "letterbox"):
        return wider, 1.0
    return 1.0, 1 / wider


def _view(
    source: Size,
    size: Size,
    window: tuple[float, float],
    *,
    center: tuple[float, float] = (0.5, 0.5),
    degrees: float = 0.0,
    mirrored: bool = False,
) -> View:
    """Return the view of a window of the picture, turned in pixels, where angles are angles."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pixels = turn @ np.diag(np.array(window) * source)
    if mirrored:
        pixels[:, 0] *= -1
    linear = np.diag(1 / np.array(source, np.float64)) @ pixels
    shift = np.array(center) - linear @ [0.5, 0.5]
    return View(np.hstack([linear, shift[:, None]]), size)


def _shrunk(image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return a picture with `step` x `step` pixels averaged to one, so that no detail aliases."""
    if step == 1:
        return image
    size = max(1, round(image.shape[1] / step)), max(1, round(image.shape[0] / step))
    return cast(NDArray[np.uint8], cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _warp(values: Values, pixels: Any, size: Size, how: int, *, outside: int = 0) -> Values:
    matrix = pixels((values.shape[1], values.shape[0]))
    warped = cv2.warpAffine(
        values,
        matrix,
        size,
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,) * 4,
    )
    return cast(Values, warped)
