"""What a camera and a codec do to a picture; where things are does not change.

All take and return BGR uint8 (h, w, 3), and leave their input alone.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.options import AugmentOptions

Image = NDArray[np.uint8]

_GRAY = np.array([0.114, 0.587, 0.299])  # of B, G and R in BT.601 luma
_MAX_SIGMA_SHARE = 0.012  # of the longer side
_MAX_NOISE = 18.0  # levels
_QUALITY = (10, 60)  # of JPEG


def distort(rng: np.random.Generator, image: Image, augment: AugmentOptions) -> Image:
    """Return `image` with all that `augment` asks for, in the order in which it happens."""
    if augment.color:
        image = recolored(rng, image, augment.color)
    if rng.random() < augment.blur:
        image = blurred(rng, image)
    if rng.random() < augment.noise:
        image = noisy(rng, image)
    if rng.random() < augment.jpeg:
        image = recompressed(rng, image)
    return image


def recolored(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Change gain, gamma, contrast, saturation and tint, by up to a half at a `strength` of 1."""
    gain, gamma, contrast, saturation = np.exp(rng.uniform(-0.5, 0.5, 4) * strength)
    tint = np.exp(rng.uniform(-0.2, 0.2, 3) * strength)
    levels = np.linspace(0, 1, 256) ** gamma * gain
    table = ((levels - 0.5) * contrast + 0.5) * 255
    bright = cv2.LUT(image, table.clip(0, 255).astype(np.float32))
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(_GRAY, (3, 1))
    mixed = cv2.transform(bright, np.diag(tint) @ mix)
    return cast(Image, np.rint(mixed).clip(0, 255).astype(np.uint8))


def blurred(rng: np.random.Generator, image: Image) -> Image:
    """Blur evenly, as a lens out of focus does."""
    sigma = rng.uniform(0.2, 1) * _MAX_SIGMA_SHARE * max(image.shape[:2])
    return cast(Image, cv2.GaussianBlur(image, (0, 0), max(0.3, sigma)))


def noisy(rng: np.random.Generator, image: Image) -> Image:
    """Add a sensor's noise: of each pixel, and half as strong of neighborhoods."""
    sigma = rng.uniform(0.2, 1) * _MAX_NOISE
    height, width = image.shape[:2]
    fine = rng.normal(0, sigma, image.shape)
    coarse = rng.normal(0, sigma / 2, (height // 2 + 1, width // 2 + 1, 3))
    both = fine + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cast(Image, np.rint(image + both).clip(0, 255).astype(np.uint8))


def recompressed(rng: np.random.Generator, image: Image) -> Image:
    """Compress it as JPEG, hard, and open it again."""
    quality = int(rng.integers(*_QUALITY))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast(Image, cv2.imdecode(data, cv2.IMREAD_COLOR))
