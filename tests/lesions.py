"""A made-up medical data set: spots on skin, each with its outline.

`python tests/lesions.py FOLDER` writes one to try `rimlight train` on.
"""

import sys
from pathlib import Path

import cv2
import numpy as np


def lesion(seed, size=(160, 120)):
    """Return skin with a spot, BGR uint8 (h, w, 3), and its mask, 0 and 255 uint8 (h, w)."""
    rng = np.random.default_rng(seed)
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    middle = (int(rng.uniform(0.3, 0.7) * width), int(rng.uniform(0.3, 0.7) * height))
    for _ in range(3):  # three ellipses that overlap: no spot is round
        at = tuple(int(c + rng.normal(0, 0.04 * width)) for c in middle)
        axes = tuple(int(a) for a in rng.uniform(0.08, 0.2, 2) * width)
        cv2.ellipse(mask, at, axes, rng.uniform(0, 180), 0, 360, 255, -1)
    skin = rng.uniform((120, 150, 190), (170, 190, 235))
    spot = skin * rng.uniform(0.35, 0.65)
    alpha = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] / 255
    picture = (
        skin + alpha * (spot - skin) + _light(rng, size) + rng.normal(0, 6, (height, width, 3))
    )
    for _ in range(rng.integers(0, 6)):  # hairs
        ends = rng.integers(0, (width, height), (2, 2))
        cv2.line(picture, ends[0].tolist(), ends[1].tolist(), (40, 45, 55), 1, cv2.LINE_AA)
    return picture.clip(0, 255).astype(np.uint8), mask


def write_lesions(folder, count=40, first=0):
    """Write images/NNNN.png and masks/NNNN_mask.png."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        picture, mask = lesion(seed)
        cv2.imwrite(str(folder / "images" / f"{seed:04d}.png"), picture)
        cv2.imwrite(str(folder / "masks" / f"{seed:04d}_mask.png"), mask)
    return folder


def _light(rng, size):
    """A lamp that stands on one side: up to 40 levels from corner to corner."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    tilt = rng.uniform(-20, 20, 2)
    return (x * tilt[0] + y * tilt[1])[..., None]


if __name__ == "__main__":
    write_lesions(Path(sys.argv[1]))
