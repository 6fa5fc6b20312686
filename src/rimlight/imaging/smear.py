"""A picture made unrecognizable."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_CELLS = 8


def smeared(bgr: Image) -> Image:
    """Return uint8 (h, w, 3) `bgr` reduced to a few soft patches of color, as large as before.

    It is blurred by shrinking to about 8 pixels across: no face or writing is left to restore.
    """
    height, width = bgr.shape[:2]
    longest = max(height, width)
    size = max(1, width * _CELLS // longest), max(1, height * _CELLS // longest)
    patches = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC))
