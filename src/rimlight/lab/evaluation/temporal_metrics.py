"""Metrics of masks over time; definitions and sources: docs/benchmarks/evaluation.md."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.metrics import BOUNDARY_TOLERANCE, Alpha, Binary, compute_boundary_f

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


def choose_working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) scaled down to `WORKING_SIDE`, at least 16 pixels each."""
    scale = min(1.0, WORKING_SIDE / max(size))
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


def shrink_to_gray(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
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

    def estimate(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Motion:
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
    source = _make_grid(now.shape) + back
    returned = sample_at(forth, source)
    gap = _square_length(back + returned)
    slack = (
        _RELATIVE_SLACK * (_square_length(back) + _square_length(returned)) + _ABSOLUTE_SLACK_PX2
    )
    return Motion(source, (gap <= slack) & _is_inside(source))


def measure_flicker(before: Alpha, now: Alpha, motion: Motion) -> float | None:
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


def _make_grid(shape: tuple[int, ...]) -> NDArray[np.float32]:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([columns, rows])


def sample_at(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 `values` (h, w) or (h, w, n) at the places `at` (h, w, 2), bilinearly."""
    columns, rows = cv2.split(at)
    return cast(NDArray[np.float32], cv2.remap(values, columns, rows, cv2.INTER_LINEAR))


def _square_length(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], (flow * flow).sum(axis=2))


def _is_inside(source: NDArray[np.float32]) -> Binary:
    height, width = source.shape[:2]
    last = np.array([width - 1, height - 1], np.float32)
    return cast(Binary, ((source >= 0) & (source <= last)).all(axis=2))


MAX_SIDE = 320
"""Longer side in pixels at which the error is measured."""
FRAME_STEP = 2
"""Every second frame is compared with the one two before it."""
MARGIN_PX = 16
"""Margin around both masks in which the flow is computed."""
MAX_COLOR_CHANGE = 0.05
"""Pixels whose color changes by more along the flow, in [0, 1], are not followed."""
EDGE_TOLERANCE_PX = 1.0
"""An edge that is off by this much, at the working size of flicker, has stayed."""
MIN_FLOW_SIDE_PX = 16
"""Dense inverse search needs images of at least this size."""

Image = NDArray[np.uint8]


class FlowWarpingMeter:
    """Flow Warping Error of binary masks, as suitenumerique/meet-matting defines it.

    That is the temporal warping error of Lai et al. (ECCV 2018) on masks: dense inverse search
    flow around the two masks, and the mean absolute difference between a mask and the one before
    it, warped, over the pixels that flow and color confirm.

    Args:
        threshold: alpha from which a pixel belongs to the mask.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = threshold
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._count = 0
        self._last: tuple[Image, Binary] | None = None
        self._error = self._valid = 0.0

    def add(self, image: Image, alpha: Alpha) -> None:
        """Add the next frame.

        Args:
            image: BGR uint8 (h, w, 3).
            alpha: float32 (h, w) in [0, 1].
        """
        self._count += 1
        if (self._count - 1) % FRAME_STEP:
            return
        height, width = image.shape[:2]
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        small = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        solid = (alpha >= self._threshold).astype(np.uint8)
        mask = cv2.resize(solid, size, interpolation=cv2.INTER_NEAREST) > 0
        last, self._last = self._last, (small, mask)
        if last is not None and last[0].shape == small.shape:
            self._compare(last, (small, mask))

    def compute_error(self) -> float | None:
        """Return the error in [0, 1]; None without a pixel that could be followed."""
        return self._error / self._valid if self._valid else None

    def _compare(self, last: tuple[Image, Binary], now: tuple[Image, Binary]) -> None:
        box = _find_box(last[1] | now[1])
        if box is None:
            return
        (old, old_mask), (new, new_mask) = ((i[box], m[box]) for i, m in (last, now))
        grays = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (old, new)]
        motion = trace_motion(self._estimate, cast(Image, grays[0]), cast(Image, grays[1]))
        colors = [np.float32(1 / 255) * image for image in (old, new)]
        change = np.abs(colors[1] - sample_at(colors[0], motion.source)).mean(axis=2)
        valid = motion.trusted & (change <= MAX_COLOR_CHANGE)
        warped = sample_at(old_mask.astype(np.float32), motion.source)
        self._error += float(np.abs(new_mask - warped)[valid].sum(dtype=np.float64))
        self._valid += float(np.count_nonzero(valid))

    def _estimate(self, one: Image, other: Image) -> NDArray[np.float32]:
        start: Any = None  # OpenCV's stubs require an array, which would be an initial flow
        return cast(NDArray[np.float32], self._flow.calc(one, other, start))


def measure_edge_stability(
    before: Alpha, now: Alpha, motion: Motion, *, threshold: float = 0.5
) -> float | None:
    """Return how much of the mask's edge stays where the motion of the image puts it.

    Args:
        before: float32 (h, w) in [0, 1], the mask of the frame before.
        now: float32 (h, w), the mask of this frame.
        motion: how this frame came from the one before, at the same size.
        threshold: alpha from which a pixel belongs to the mask.

    Returns:
        The boundary F of the earlier mask, warped, and the present one in [0, 1], with a
        tolerance of 1 pixel; None if there is no edge where the motion can be trusted.
    """
    warped = sample_at(before, motion.source) >= threshold
    mask = np.where(motion.trusted, now >= threshold, warped)
    if not (mask.any() and warped.any()):
        return None
    return compute_boundary_f(
        mask, warped, tolerance=EDGE_TOLERANCE_PX / float(np.hypot(*mask.shape))
    )


def _find_box(mask: Binary) -> tuple[slice, slice] | None:
    """Return rows and columns of the mask and a margin; None for an empty or tiny region."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = tuple(
        slice(max(0, int(at[0]) - MARGIN_PX), int(at[-1]) + MARGIN_PX) for at in (rows, columns)
    )
    smallest = min(mask[box].shape)
    return cast("tuple[slice, slice]", box) if smallest >= MIN_FLOW_SIDE_PX else None


MAX_LAG = 12
"""Frames by which a mask may run late and still be measured."""

MAX_LEAD = 2
"""Frames by which a mask may run early: a look-ahead filter can."""

GHOST_MEMORY = 10
"""A ghost stands where the truth was within this many frames."""

_SOFTNESS = 0.02
"""Blur, as a share of the diagonal: wider than a frame's motion, so that errors form a parabola."""

_STILL = 1e-4
"""From one frame to the next the truth must change by this share of its own energy."""


class LagMeter:
    """Finds the delay of the true masks at which they agree best with the given ones.

    Both are blurred; for every whole delay the squared differences are summed over the sequence;
    a parabola through the least sum and its neighbors gives the fraction of a frame.
    """

    def __init__(self) -> None:
        self._truths: deque[Alpha] = deque(maxlen=MAX_LAG + MAX_LEAD + 1)
        self._masks: deque[Alpha] = deque(maxlen=MAX_LEAD + 1)
        self._errors = np.zeros(MAX_LAG + MAX_LEAD + 1)
        self._moved = self._energy = 0.0

    def add(self, mask: Alpha, truth: Alpha) -> None:
        """Take the next frame's mask and truth, float32 (h, w) in [0, 1] of one size for all."""
        self._masks.append(_blur(mask))
        self._truths.append(_blur(truth))
        if len(self._truths) < len(self._errors):
            return
        late = list(reversed(self._truths))  # late[i] is the truth i - MAX_LEAD frames before
        self._errors += [_measure_energy(self._masks[0] - truth) for truth in late]
        self._moved += _measure_energy(late[1] - late[0])
        self._energy += _measure_energy(late[0])

    def find_lag(self) -> float | None:
        """Return the lag in frames.

        A mask that is later than `MAX_LAG` counts as that late. None when the truth moved too
        little to tell, or an empty mask would agree with it as well as the given one.
        """
        best = int(np.argmin(self._errors))
        if self._moved <= _STILL * self._energy or self._errors[best] >= self._energy:
            return None
        return float(best - MAX_LEAD + _find_vertex(self._errors, best))

    def measure_contrast(self) -> float:
        """Return how many times larger the error of the worst delay is than that of the best."""
        least = float(self._errors.min())
        return float(self._errors.max()) / least if least else 1.0


class GhostMeter:
    """Measures the mask that stays behind where the true one has left."""

    def __init__(self) -> None:
        self._truths: deque[NDArray[np.uint8]] = deque(maxlen=GHOST_MEMORY)
        self._ghost = 0.0
        self._person = 0.0

    def add(self, mask: Alpha, truth: Alpha) -> None:
        """Take the next frame's mask and truth, float32 (h, w) in [0, 1] of one size for all."""
        solid = (truth >= 0.5).astype(np.uint8)
        if self._truths:
            left = np.maximum.reduce(list(self._truths)) > _grow(solid)
            self._ghost += float(mask[left].sum(dtype=np.float64))
            self._person += float(solid.sum(dtype=np.float64))
        self._truths.append(solid)

    def measure_share(self) -> float | None:
        """Return the ghosts' area as a share of the true area; None when nothing was true."""
        return self._ghost / self._person if self._person else None


def _grow(solid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `solid` grown by the boundary tolerance: a blurred edge is no ghost."""
    reach = max(1, round(BOUNDARY_TOLERANCE * float(np.hypot(*solid.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(solid, disc).astype(np.uint8)


def _blur(values: Alpha) -> Alpha:
    """Return `values` at a quarter of the size, blurred: the blur hides the lost detail."""
    size = (max(1, values.shape[1] // 4), max(1, values.shape[0] // 4))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    sigma = max(0.5, _SOFTNESS * float(np.hypot(*small.shape)))
    border = cv2.BORDER_REPLICATE
    return cast(Alpha, cv2.GaussianBlur(small, (0, 0), sigma, borderType=border))


def _measure_energy(values: Alpha) -> float:
    return float(np.vdot(values, values)) / values.size


def _find_vertex(errors: NDArray[np.float64], best: int) -> float:
    """Return where a parabola through the least error is lowest, from it, in [-0.5, 0.5]."""
    if not 0 < best < len(errors) - 1:
        return 0.0
    before, least, after = errors[best - 1 : best + 2].tolist()
    bend = before - 2 * least + after
    return 0.5 * (before - after) / bend if bend > 0 else 0.0
