"""Photographs with strands of hair drawn over them: what each pixel's alpha and color are is exact.

Strands begin on the outline of a head and reach into the room. They are drawn at four times the
size and reduced by averaging, which makes alpha the share of a pixel that hair covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

FINER = 4
"""How many times larger strands are drawn."""
HEAD = 0.3
"""The part of a person, from the top, on whose outline hair grows."""
LENS_PX = 0.5
"""Sigma by which a lens blurs strands."""
BAND_PX = 5
"""How far around half-transparent pixels alpha counts as unknown."""
STEPS = 14


@dataclass(frozen=True)
class Strands:
    """A picture with strands, and the truth about it.

    Attributes:
        picture: uint8 (h, w, 3), BGR.
        alpha: float32 (h, w) in [0, 1].
        front: float32 (h, w, 3), the foreground's own color wherever alpha is above 0.
        back: float32 (h, w, 3), the room.
        unknown: bool (h, w), where alpha is judged.
    """

    picture: Image
    alpha: Floats
    front: Floats
    back: Floats
    unknown: NDArray[np.bool_]


def read_pairs(folder: Path, count: int, *, least_px: int = 400) -> list[tuple[Image, Image]]:
    """Return `count` pictures, spread over a data set, and their masks, uint8 (h, w)."""
    found = []
    for path in sorted((folder / "masks").iterdir()):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        picture = cv2.imread(str(folder / "images" / path.name.replace("_mask.png", ".jpg")))
        if mask is not None and picture is not None and has_head(mask, least_px):
            found.append((cast(Image, picture), cast(Image, mask)))
    chosen = np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)
    return [found[at] for at in chosen]


def draw_strands(
    picture: Image, mask: Image, *, seed: int, lens_px: float = LENS_PX, head: float = HEAD
) -> Strands:
    """Draw strands over a photograph in the color of the hair that they grow from.

    Args:
        picture: uint8 (h, w, 3), BGR.
        mask: uint8 (h, w), 255 where the person is.
        seed: the same seed draws the same strands.
        lens_px: sigma by which a lens blurs them.
        head: the part of the person, from the top, on which they grow.
    """
    rng = np.random.default_rng(seed)
    height, width = mask.shape
    canvas = np.zeros((height * FINER, width * FINER, 4), np.float32)
    for points, color, thick in _grow(picture, mask, rng, head):
        cv2.polylines(canvas, [points], isClosed=False, color=(*color, 1.0), thickness=thick)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), lens_px)
    over, hair = small[..., :3], small[..., 3:]
    solid = (mask > 127)[..., None]
    back = picture.astype(np.float32)
    mixed = np.where(solid, back, over + (1 - hair) * back)
    alpha = np.where(solid, np.float32(1), hair)[..., 0]
    front = np.where(solid, back, over / np.maximum(hair, np.float32(1e-6)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND_PX + 1,) * 2)
    between = ((alpha > 0.01) & (alpha < 0.99)).astype(np.uint8)
    unknown = cv2.dilate(between, kernel) > 0
    rounded = np.rint(mixed).clip(0, 255).astype(np.uint8)
    return Strands(rounded, alpha.astype(np.float32), front, back, unknown)


def has_head(mask: Image, least_px: int) -> bool:
    """Whether a head is large enough for hair, and below the picture's upper border."""
    solid = (mask > 127).astype(np.uint8)
    rows = np.flatnonzero(solid.any(axis=1))
    if max(mask.shape) < least_px or not rows.size or rows[0] <= 12:
        return False
    widths = solid[rows[0] : rows[0] + max(1, rows.size // 6)].sum(axis=1)
    return bool(widths.max() >= least_px // 8 and widths.max() < solid.sum(axis=1).max() * 1.01)


def _grow(
    picture: Image, mask: Image, rng: np.random.Generator, head: float
) -> Iterator[tuple[NDArray[np.int32], tuple[float, ...], int]]:
    """Yield (points, color, thickness) of each strand, in pixels of the larger canvas."""
    solid = (mask > 127).astype(np.uint8)
    roots, head_px = _find_roots(solid, head)
    ways = _point_outward(solid)
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.5)
    for tuft in rng.choice(len(roots), max(6, len(roots) // 12)):
        length = head_px * rng.uniform(0.06, 0.32)
        bend, lean = rng.normal(0, 0.10), rng.normal(0, 0.5)
        for _ in range(rng.integers(3, 12)):
            root = roots[(tuft + int(rng.normal(0, 5))) % len(roots)]
            way = ways[int(root[1]), int(root[0])]
            inside = np.clip(root - 5 * way, 0, [mask.shape[1] - 1, mask.shape[0] - 1])
            color = smooth[int(inside[1]), int(inside[0])] * rng.uniform(0.8, 1.2)
            turn = bend + rng.normal(0, 0.05), lean + rng.normal(0, 0.15)
            line = _curl(root - 3 * way, way, length * rng.uniform(0.5, 1.3), turn)
            points = np.rint((line + 0.5) * FINER).astype(np.int32)
            yield points, tuple(np.clip(color, 0, 255).tolist()), int(rng.integers(2, 7))


def _find_roots(solid: Image, head: float) -> tuple[Floats, float]:
    """Return the points (n, 2) where hair grows, and the width of the head in pixels."""
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)[:, 0, :].astype(np.float32)
    top, bottom = outline[:, 1].min(), outline[:, 1].max()
    limit = top + head * (bottom - top)
    widths = solid[int(top) : int(limit)].sum(axis=1)
    return outline[outline[:, 1] < limit], float(np.percentile(widths, 80))


def _point_outward(solid: Image) -> Floats:
    """Return the direction (h, w, 2) out of the mask at each pixel, of length 1 or 0."""
    inside, outside = (cv2.distanceTransform(one, cv2.DIST_L2, 5) for one in (solid, 1 - solid))
    depth = cv2.GaussianBlur(outside - inside, (0, 0), 3)
    ways = np.stack([cv2.Sobel(depth, cv2.CV_32F, 1, 0), cv2.Sobel(depth, cv2.CV_32F, 0, 1)], -1)
    return cast(Floats, ways / np.maximum(np.linalg.norm(ways, axis=2, keepdims=True), 1e-6))


def _curl(
    start: Floats, way: Floats, length: float, turn: tuple[float, float]
) -> NDArray[np.float64]:
    """Return points (n, 2) of a strand that turns on its way and is drawn down by its weight."""
    angle = np.arctan2(way[1], way[0]) + turn[1]
    points, step = [np.asarray(start, float)], length / STEPS
    for _ in range(STEPS):
        points.append(points[-1] + step * np.array([np.cos(angle), np.sin(angle)]))
        angle += turn[0] + 0.05 * np.cos(angle)
    return np.array(points)
