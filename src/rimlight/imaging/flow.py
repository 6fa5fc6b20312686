"""Where pixels came from: motion between two small pictures, and masks carried along it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Values = NDArray[np.float32]

SIDE = 256
"""Motion is looked for with the longer side at most this many pixels."""
_LEAST_SIDE = 16
"""Dense inverse search needs pictures of a few of its patches."""


class FlowEstimator:
    """Dense inverse search flow (Kroeger et al., ECCV 2016), at its quickest setting.

    One field belongs to one thread: OpenCV keeps its buffers between calls.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def estimate_remap(self, before: Luma, now: Luma) -> Values:
        """Return where each pixel of `now` was in `before`: float32 (h, w, 2), x then y.

        Args:
            before: uint8 (h, w).
            now: the same shape. Below 16 pixels a side nothing is taken to have moved.
        """
        if min(now.shape) < _LEAST_SIDE:
            return _make_identity_remap(now.shape)
        start: Any = None  # OpenCV's stubs ask for an array, which would be a first guess
        flow = self._flow.calc(now, before, start)
        return cast(Values, cv2.add(flow, _make_identity_remap(now.shape), dst=flow))


def warp(values: NDArray[Any], origins: Values) -> NDArray[Any]:
    """Sample `values` (h, w) or (h, w, channels) at `origins` (h, w, 2).

    Values are uint8 or float32, and stay of that type.
    """
    rows: Any = None  # both coordinates are in the first map, which the stubs do not know
    return cv2.remap(values, origins, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def resize_remap(remap: Values, source: tuple[int, int], shape: tuple[int, int]) -> Values:
    """Return `origins` for every pixel of a mask of `shape`, as places in a mask of `source`."""
    if remap.shape[:2] == source == shape:
        return remap
    ratio = np.array([source[1] / remap.shape[1], source[0] / remap.shape[0]], np.float32)
    # Pixel centers lie half a pixel in, whatever the size.
    places = (remap + np.float32(0.5)) * ratio - np.float32(0.5)
    if remap.shape[:2] == shape:
        return cast(Values, places)
    return cast(Values, cv2.resize(places, (shape[1], shape[0])))


def downscale_luma(picture: Luma, shape: tuple[int, ...]) -> Luma:
    """Return the luma of a picture as motion is looked for in it.

    Args:
        picture: uint8, luma (h, w) or BGR (h, w, 3).
        shape: (h, w) of the result, which is made smaller in proportion where `SIDE` says so.
    """
    scale = min(1.0, SIDE / max(shape[:2]))
    small = cv2.resize(picture, (max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))))
    return cast(Luma, small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


@lru_cache(maxsize=4)
def _make_identity_remap(shape: tuple[int, ...]) -> Values:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    grid: Values = np.dstack([columns, rows])
    grid.flags.writeable = False
    return grid
