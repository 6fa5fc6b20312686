"""How masks behave over time: flicker. Definitions and sources: docs/benchmarks/evaluation.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.metrics import Alpha, Binary

WORKING_SIDE = 480
"""Flow is computed with the longer side at most this many pixels: speed, and less noise."""

_RELATIVE_SLACK = 0.01
_ABSOLUTE_SLACK_PX2 = 0.5


@dataclass(frozen=True)
class Motion:
    """How one frame's pixels come from the frame before.

    Attributes:
        source: float32 (h, w, 2): where each pixel was in the earlier frame, x then y in pixels.
        trusted: bool (h, w): where forward and backward flow agree and nothing came into view.
    """

    source: NDArray[np.float32]
    trusted: Binary


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) scaled down to `WORKING_SIDE`, at least 16 pixels each."""
    scale = min(1.0, WORKING_SIDE / max(size))
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


def shrink(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return BGR uint8 (h, w, 3) `picture` as gray uint8 of `size`, averaging over areas."""
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cast(NDArray[np.uint8], cv2.resize(gray, size, interpolation=cv2.INTER_AREA))


def shrink_alpha(alpha: Alpha, size: tuple[int, int]) -> Alpha:
    """Return float32 (h, w) `alpha` at (width, height) `size`, averaging over areas."""
    small: Alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small


class MotionEstimator:
    """Dense inverse search flow (Kroeger et al., ECCV 2016), both ways between two frames."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Motion:
        """Return the motion that leads from `before` to `now`, gray uint8 (h, w) each.

        A pixel is trusted when following the flow back and forth ends near where it began, by
        the rule of Sundaram, Brox and Keutzer (ECCV 2010), and began inside the picture.
        """
        return trace_motion(self._calculate, before, now)

    def _calculate(self, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        start: Any = None  # OpenCV's stubs ask for an array, which would be a first guess
        return cast(NDArray[np.float32], self._flow.calc(one, other, start))


def trace_motion(
    estimate: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]],
    before: NDArray[np.uint8],
    now: NDArray[np.uint8],
) -> Motion:
    """Return the motion from `before` to `now` by a dense flow of choice.

    Args:
        estimate: returns float32 (h, w, 2), the flow from its first image to its second.
        before: gray uint8 (h, w).
        now: the same.
    """
    back, forth = estimate(now, before), estimate(before, now)
    source = _grid(now.shape) + back
    returned = sample_at(forth, source)
    gap = _square(back + returned)
    slack = _RELATIVE_SLACK * (_square(back) + _square(returned)) + _ABSOLUTE_SLACK_PX2
    return Motion(source, (gap <= slack) & _inside(source))


def flicker(before: Alpha, now: Alpha, motion: Motion) -> float | None:
    """Return how much of the mask changed without the picture's motion explaining it.

    The earlier mask is carried along the flow and compared with the present one (the temporal
    warping error of Lai et al., ECCV 2018, on masks instead of pictures).

    Args:
        before: float32 (h, w) in [0, 1], the mask of the frame before.
        now: float32 (h, w), the mask of this frame.
        motion: how this frame came from the one before, at the same size.

    Returns:
        The mean absolute difference over the trusted pixels in thousandths (1.0: a thousandth
        of the picture changed from nothing to all); None where less than a tenth is trusted.
    """
    if motion.trusted.mean() < 0.1:
        return None
    carried = sample_at(before, motion.source)
    change = np.abs(now - carried)[motion.trusted]
    return float(change.mean(dtype=np.float64) * 1000)


def _grid(shape: tuple[int, ...]) -> NDArray[np.float32]:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([columns, rows])


def sample_at(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 `values` (h, w) or (h, w, n) at the places `at` (h, w, 2), bilinearly."""
    columns, rows = cv2.split(at)
    return cast(NDArray[np.float32], cv2.remap(values, columns, rows, cv2.INTER_LINEAR))


def _square(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], (flow * flow).sum(axis=2))


def _inside(source: NDArray[np.float32]) -> Binary:
    height, width = source.shape[:2]
    last = np.array([width - 1, height - 1], np.float32)
    return cast(Binary, ((source >= 0) & (source <= last)).all(axis=2))
