"""No frame is shown without a mask of its own moment: the rule, and what is shown instead.

The rule is kept in one place. A frame is shown only if `is_mask_valid_for` says so; otherwise
`FallbackFrame` makes a frame of frames that were shown before, or of none of the camera's at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Layout, Mask
from rimlight.core.protocols import Effect
from rimlight.imaging.blur import pixelate
from rimlight.imaging.color import split_planes
from rimlight.pipeline.effects import apply_effects
from rimlight.pipeline.settings import FallbackKind
from rimlight.pipeline.stages import Masked

Image = NDArray[np.uint8]

NEUTRAL = (48, 44, 40)
"""BGR of the plain frame, for when nothing else is safe."""

_SAMPLES = (64, 36)
_MAX_DIFFERENCE = 24
"""Levels: people before a webcam change 5 % of the cells by more within 4 frames, a JPEG with
missing bytes nearly always over 10 %."""

NO_MASK = Mask(np.full((2, 2, 1), np.nan, np.float32), ("person",))
"""The mask of a frame that was not segmented; it is valid for no frame."""


class FrameGate:
    """Holds the latest mask, and admits the frames that it is valid for.

    Args:
        max_age_s: maximum age of the mask, in seconds.
        max_scene_change: see `is_mask_valid_for`.
    """

    def __init__(self, max_age_s: float, max_scene_change: float) -> None:
        self._max_age_s = max_age_s
        self._max_scene_change = max_scene_change
        self.latest: Masked | None = None
        """The latest mask, and the frame that it was computed from."""

    def find_mask(self, frame: Frame) -> Masked | None:
        """Return the latest mask, with its own frame, if `frame` may be shown under it."""
        if self.latest is not None and is_mask_valid_for(
            self.latest, frame, self._max_age_s, max_scene_change=self._max_scene_change
        ):
            return self.latest
        return None


def is_mask_valid_for(
    masked: Masked, frame: Frame, max_age_s: float, *, max_scene_change: float = 1.0
) -> bool:
    """Return True if a frame may be shown under the mask of another (or of the same) frame.

    Args:
        masked: the frame that the mask was computed from, and the mask.
        frame: the frame that would be shown.
        max_age_s: maximum time between the two, in seconds.
        max_scene_change: maximum share (0..1) of the image that may differ between the two. The
            mask of a torn frame fits no whole one, nor does that from before the camera moved.
    """
    origin, mask = masked
    is_near = abs(frame.captured_at - origin.captured_at) <= max_age_s
    if not (is_near and origin.size == frame.size and mask.is_finite):
        return False
    return (
        origin is frame
        or max_scene_change >= 1
        or compute_scene_change(origin, frame) <= max_scene_change
    )


def compute_scene_change(first: Frame, second: Frame) -> float:
    """Return the share (0..1) of 16x9 cells whose mean luma differs visibly."""
    difference = cv2.absdiff(_compute_cells(first), _compute_cells(second))
    return float((difference > _MAX_DIFFERENCE).mean())


def blacken_transparent(shown: Frame) -> Frame:
    """Return a frame with black where it is wholly transparent.

    A reader that ignores alpha, as many players do, would show the room there.
    """
    if shown.alpha is None:
        return shown
    return shown.with_bgr(cast(Image, cv2.copyTo(shown.bgr, shown.alpha)), shown.alpha)


class FallbackFrame:
    """The frame that replaces those that must not be shown.

    Args:
        size: (width, height) of the run's frames.
        kind: which frame; before there is a safe one, "last" and "blur" are plain.
    """

    def __init__(self, size: tuple[int, int], kind: FallbackKind) -> None:
        self._kind = kind
        self.plain = _make_plain(size)
        """The frame for when nothing else is safe."""
        self.last: Frame | None = None
        """The last safe frame."""
        self._blurred: Frame | None = None
        self._empty_mask = Mask(np.zeros((2, 2, 1), np.float32), ("person",))
        self._layout: Layout = "bgr"

    def update(self, shown: Frame, frame: Frame, mask: Mask) -> None:
        """Keep `shown`, made of `frame` under `mask`, as the last safe frame."""
        self.last, self._blurred, self._layout = shown, None, frame.layout
        if self._empty_mask.classes != mask.classes:
            empty = np.zeros((2, 2, len(mask.classes)), np.float32)
            self._empty_mask = Mask(empty, mask.classes, mask.foreground)

    def make(
        self, effects: Sequence[Effect], pts: Fraction, *, kind: FallbackKind | None = None
    ) -> Frame:
        """Return a frame that shows nothing of the room; its index has no meaning.

        Args:
            effects: make the background.
            pts: the time that a moving background shows.
            kind: used instead of the one given at construction.
        """
        kind = kind or self._kind
        if kind == "background":
            return self._make_background(effects, pts)
        if self.last is None:
            return self.plain
        if kind == "last":
            return self.last
        if self._blurred is None:
            self._blurred = self.last.with_bgr(pixelate(self.last.bgr))
        return self._blurred

    def _make_background(self, effects: Sequence[Effect], pts: Fraction) -> Frame:
        """Apply `effects` to a plain frame in which nobody is."""
        plain = self.plain
        if self._layout == "i420":
            shown = Frame.from_i420(plain.i420, size=plain.size, index=0, pts=pts, captured_at=0.0)
        else:
            shown = Frame.from_bgr(plain.bgr, index=0, pts=pts, captured_at=0.0)
        try:
            return apply_effects(effects, shown, self._empty_mask)
        except Exception:  # whatever is wrong with the background, the room stays hidden
            return self.plain


def _compute_cells(frame: Frame) -> Image:
    """Return the mean luma of each cell, from a few samples: uint8 (9, 16)."""
    if frame.layout == "i420":
        samples = cv2.resize(
            split_planes(frame.image)[0], _SAMPLES, interpolation=cv2.INTER_NEAREST
        )
    else:
        samples = cv2.resize(frame.image, _SAMPLES, interpolation=cv2.INTER_NEAREST)
        samples = cv2.cvtColor(samples, cv2.COLOR_BGR2GRAY)
    return cast(Image, cv2.resize(samples, (16, 9), interpolation=cv2.INTER_AREA))


def _make_plain(size: tuple[int, int]) -> Frame:
    image = np.full((size[1], size[0], 3), NEUTRAL, np.uint8)
    return Frame.from_bgr(image, index=0, pts=Fraction(0), captured_at=0.0)
