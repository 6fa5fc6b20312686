"""Takes the light that a green screen throws on the person out of the picture."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.imaging.color import BT601, ColorSpace, bgr_to_i420, split_planes
from rimlight.imaging.pool import ArrayPool

Image = NDArray[np.uint8]

_GRAY = 128


class DespillEffect(EffectTraits):
    """Removes the key color's share from every pixel, for use with the segmenter `chroma`.

    With x the part of a pixel's chroma along the key's and z the part across, x - |z| is spill
    (as in Keith Jack, Video Demystified, "Chroma keying"). Luma stays.
    """

    person_only = True
    position = EffectPosition.CONTENT

    class Options(opt.Options):
        """Which color, and how much of it."""

        positional: ClassVar[str | None] = "color"

        color: Annotated[
            str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="the screen, as #rrggbb")
        ] = "#00ff00"
        amount: Annotated[
            float, Field(ge=0, le=1, description="share of the spill that is removed")
        ] = 1.0

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = ArrayPool()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` without spill, as transparent as it was."""
        key, amount = self._options.color, self._options.amount
        if frame.layout == "bgr":
            return replace(frame, image=_despill_bgr(frame.image, key, amount))
        out: Image = self._pool.acquire(frame.image.shape)
        luma, blue, red = split_planes(frame.image)
        targets = split_planes(out)
        np.copyto(targets[0], luma)
        place = _index_chroma(blue, red)
        tables = _make_tables(key, amount, frame.color)
        for table, target in zip(tables, targets[1:], strict=True):
            np.take(table, place, out=target)
        return replace(frame, image=out)

    def close(self) -> None:
        """Nothing to release."""


def _despill_bgr(bgr: Image, key: str, amount: float) -> Image:
    """Return uint8 (h, w, 3) BGR without spill."""
    luma, red, blue = cast(list[Image], cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)))
    place = _index_chroma(blue, red)
    # OpenCV's YCrCb is full range, with the weights of BT.601.
    full = ColorSpace(BT601.matrix, full_range=True)
    less_blue, less_red = (np.take(table, place) for table in _make_tables(key, amount, full))
    clean = cv2.cvtColor(cv2.merge([luma, less_red, less_blue]), cv2.COLOR_YCrCb2BGR)
    changed = ((blue != less_blue) | (red != less_red)).astype(np.uint8)
    return np.asarray(cv2.copyTo(clean, changed, bgr.copy()), np.uint8)


def _index_chroma(blue: Image, red: Image) -> NDArray[np.uint16]:
    """Return 256 * U + V of each pixel."""
    place: NDArray[np.uint16] = blue.astype(np.uint16)
    place <<= 8
    place |= red
    return place


@lru_cache(maxsize=4)
def _make_tables(key: str, amount: float, color: ColorSpace) -> tuple[Image, Image]:
    """Return U and V without spill, uint8 (65536,), by 256 * U + V."""
    red, green, blue = bytes.fromhex(key[1:])
    patch = bgr_to_i420(np.full((2, 2, 3), (blue, green, red), np.uint8), color)
    chroma = np.array([float(plane[0, 0]) - _GRAY for plane in split_planes(patch)[1:]])
    along = chroma / max(1e-6, float(np.linalg.norm(chroma)))
    levels = np.arange(256, dtype=np.float32) - _GRAY
    u, v = np.meshgrid(levels, levels, indexing="ij")
    spill = np.maximum(0, u * along[0] + v * along[1] - np.abs(v * along[0] - u * along[1]))
    tables = (
        np.rint(part - amount * spill * share) + _GRAY
        for part, share in ((u, along[0]), (v, along[1]))
    )
    first, second = (np.clip(table, 0, 255).astype(np.uint8).reshape(-1) for table in tables)
    return first, second
