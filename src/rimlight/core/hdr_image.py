"""The HDR samples of a frame, and which of them the effects leave as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.color import Image, split_planes
from rimlight.imaging.hdr import HdrFormat

_MARGIN = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class HdrInfo:
    """What an HDR video declares.

    Attributes:
        form: what its samples mean; matrix and primaries are those of BT.2020.
        mastering: primaries and light of the mastering display in x265's units and order (green,
            blue, red, white as x and y in 1/50000; maximum and minimum in 1/10000 nits); or none.
        light_level: MaxCLL and MaxFALL in nits; None if not declared.
    """

    form: HdrFormat
    mastering: tuple[int, ...] = ()
    light_level: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class HdrImage:
    """HDR samples of one frame.

    Attributes:
        image: uint16 (rows*3/2, columns), planes Y, Cb, Cr of 4:2:0 with 10 bits, sides even.
        untouched: uint8 (rows/2, columns/2), 255 where the SDR image still is the source's, for 2x2
            pixels each; None: nowhere.
    """

    image: NDArray[np.uint16]
    untouched: NDArray[np.uint8] | None

    def restrict_to(self, untouched: NDArray[np.uint8] | None) -> HdrImage:
        """Return the same samples, with less of them to keep."""
        if untouched is None or self.untouched is None:
            return replace(self, untouched=None)
        return replace(self, untouched=np.bitwise_and(self.untouched, untouched))

    @property
    def nbytes(self) -> int:
        """Bytes of the samples."""
        return int(self.image.nbytes)


@lru_cache(maxsize=2)
def make_noise(shape: tuple[int, int]) -> Image:
    """Return noise of the shape of an I420 image; always the same."""
    return np.random.default_rng(0).integers(16, 236, shape, np.uint8)


def find_untouched(shown: Image, noise: Image) -> Image:
    """Return where effects passed noise through, with the pixels around it.

    What passes noise unchanged passes any image: no replaced or blurred pixel can look like it.

    Args:
        shown: what the effects made of `noise`, both I420 of the same shape.
        noise: see `make_noise`.

    Returns:
        uint8 (rows/2, columns/2), 255 or 0, for 2x2 pixels each.
    """
    luma, *chroma = (
        cv2.compare(a, b, cv2.CMP_EQ)
        for a, b in zip(split_planes(shown), split_planes(noise), strict=True)
    )
    same = cv2.bitwise_and(*chroma)
    for row in (0, 1):
        for column in (0, 1):
            same = cv2.bitwise_and(same, np.ascontiguousarray(luma[row::2, column::2]))
    return np.asarray(cv2.erode(same, _MARGIN, borderValue=255), np.uint8)
