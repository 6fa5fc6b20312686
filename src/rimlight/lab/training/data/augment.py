"""Random changes of images for training: geometry, photometry and copy-paste.

A view is an affine map from fractions of the result (0..1 across and down) to fractions of the
image, so that it fits an image, its labels and a teacher's smaller scores alike. Photometric
changes take and return BGR uint8 (h, w, 3) and leave their input alone. Copy-paste is after
G. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation", CVPR 2021, for labels in place of instances.
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
        return _warp(_shrink(image, self._step(image)), self._pixels, self.size, cv2.INTER_LINEAR)

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


def make_whole_view(source: Size, size: Size, fit: Fit) -> View:
    """Return the view of a whole picture of size `source`; of "cover", its middle."""
    return _make_view(source, size, _draw_window(source, size, fit))


def draw_random_view(
    rng: np.random.Generator, source: Size, size: Size, *, fit: Fit, augment: AugmentOptions
) -> View:
    """Return a view that is cut out, shrunk, stretched, turned and mirrored at random.

    The window lies anywhere within the picture, or, where it is larger, anywhere around it.
    """
    low, high = np.log1p(-augment.crop), np.log1p(augment.scale)
    zoom, shape = np.exp(rng.uniform(low, high)), rng.uniform(-0.5, 0.5)
    ratio = (1 + augment.stretch) ** shape
    wide, high_ = _draw_window(source, size, fit)
    window = (wide * zoom * ratio, high_ * zoom / ratio)
    room = np.abs(1 - np.array(window)) / 2
    center = 0.5 + rng.uniform(-1, 1, 2) * room
    return _make_view(
        source,
        size,
        window,
        center=(float(center[0]), float(center[1])),
        degrees=rng.uniform(-1, 1) * augment.rotate,
        mirrored=bool(rng.random() < augment.flip),
    )


def _draw_window(source: Size, size: Size, fit: Fit) -> tuple[float, float]:
    """Return width and height of what is seen, as shares of the picture."""
    if fit == "stretch":
        return 1.0, 1.0
    wider = (size[0] * source[1]) / (size[1] * source[0])  # the result's shape over the picture's
    if (wider > 1) == (fit == "letterbox"):
        return wider, 1.0
    return 1.0, 1 / wider


def _make_view(
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


def _shrink(image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
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


Image = NDArray[np.uint8]

_GRAY = np.array([0.114, 0.587, 0.299])  # of B, G and R in BT.601 luma
_MAX_SIGMA_SHARE = 0.012  # of the longer side
_MAX_NOISE = 18.0  # levels
_QUALITY = (10, 60)  # of JPEG


def distort(rng: np.random.Generator, image: Image, augment: AugmentOptions) -> Image:
    """Return `image` with all that `augment` asks for, in the order in which it happens."""
    if augment.color:
        image = recolor(rng, image, augment.color)
    if rng.random() < augment.blur:
        image = blur(rng, image)
    if rng.random() < augment.noise:
        image = add_noise(rng, image)
    if rng.random() < augment.jpeg:
        image = recompress(rng, image)
    return image


def recolor(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Change gain, gamma, contrast, saturation and tint, by up to a half at a `strength` of 1."""
    gain, gamma, contrast, saturation = np.exp(rng.uniform(-0.5, 0.5, 4) * strength)
    tint = np.exp(rng.uniform(-0.2, 0.2, 3) * strength)
    levels = np.linspace(0, 1, 256) ** gamma * gain
    table = ((levels - 0.5) * contrast + 0.5) * 255
    bright = cv2.LUT(image, table.clip(0, 255).astype(np.float32))
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(_GRAY, (3, 1))
    mixed = cv2.transform(bright, np.diag(tint) @ mix)
    return cast(Image, np.rint(mixed).clip(0, 255).astype(np.uint8))


def blur(rng: np.random.Generator, image: Image) -> Image:
    """Blur evenly, as a lens out of focus does."""
    sigma = rng.uniform(0.2, 1) * _MAX_SIGMA_SHARE * max(image.shape[:2])
    return cast(Image, cv2.GaussianBlur(image, (0, 0), max(0.3, sigma)))


def add_noise(rng: np.random.Generator, image: Image) -> Image:
    """Add a sensor's noise: of each pixel, and half as strong of neighborhoods."""
    sigma = rng.uniform(0.2, 1) * _MAX_NOISE
    height, width = image.shape[:2]
    fine = rng.normal(0, sigma, image.shape)
    coarse = rng.normal(0, sigma / 2, (height // 2 + 1, width // 2 + 1, 3))
    both = fine + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cast(Image, np.rint(image + both).clip(0, 255).astype(np.uint8))


def recompress(rng: np.random.Generator, image: Image) -> Image:
    """Compress it as JPEG, hard, and open it again."""
    quality = int(rng.integers(*_QUALITY))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast(Image, cv2.imdecode(data, cv2.IMREAD_COLOR))


_RIM_SIGMA_PX = 0.7  # a cut edge as sharp as no lens draws it would be what the network learns


def paste(
    front: Image, front_labels: Image, back: Image, back_labels: Image
) -> tuple[Image, Image]:
    """Return what is not background in `front`, before `back`, and the labels of both.

    Args:
        front: BGR uint8 (h, w, 3).
        front_labels: uint8 (h, w); label 0 and what is ignored stay behind.
        back: as `front`, of the same size.
        back_labels: as `front_labels`.
    """
    taken = (front_labels != 0) & (front_labels != IGNORED)
    labels = np.where(taken, front_labels, back_labels)
    alpha = cv2.GaussianBlur(taken.astype(np.float32), (0, 0), _RIM_SIGMA_PX)[..., None]
    mixed = back + alpha * (front.astype(np.float32) - back)
    return cast(Image, np.rint(mixed).astype(np.uint8)), labels
