"""No picture of the room without a mask of its own moment: the rule, and what is shown instead.

The rule is kept in one place. A frame is shown only if `covers` says so; otherwise `Holding` gives
a picture, and that is made of pictures that were shown before or of none of the camera's at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Layout, Mask
from rimlight.core.protocols import Effect
from rimlight.imaging.blur import pixelate
from rimlight.imaging.color import split_planes

Image = NDArray[np.uint8]

WhenUnsure = Literal["last", "blur", "background"]
"""What is shown instead: the last safe picture, that picture blurred beyond recognition, or the
background alone."""

NEUTRAL = (48, 44, 40)
"""BGR of the plain picture, for when nothing else is safe."""

_SAMPLES = (64, 36)
_OTHER = 24
"""Levels: people before a webcam change 5 % of the cells by as much within 4 frames, a JPEG with
bytes missing nearly always over 10 %."""

NO_MASK = Mask(np.full((2, 2, 1), np.nan, np.float32), ("person",))
"""Stands where a frame was not looked at; it covers nothing."""


def covers(
    masked: tuple[Frame, Mask], frame: Frame, max_age_s: float, *, most_changed: float = 1.0
) -> bool:
    """Say whether a frame may be shown under the mask of another (or of the same) frame.

    Args:
        masked: a mask, and the frame that it was made from.
        frame: what would be shown.
        max_age_s: how many seconds may lie between the two.
        most_changed: the share (0..1) of the picture that may look other than in the mask's own.
            A picture that the cable tore has a mask that fits no whole one; nor does the mask from
            before a camera was turned.
    """
    origin, mask = masked
    is_near = abs(frame.captured_at - origin.captured_at) <= max_age_s
    if not (is_near and origin.size == frame.size and mask.is_finite):
        return False
    return origin is frame or most_changed >= 1 or changed(origin, frame) <= most_changed


def changed(one: Frame, other: Frame) -> float:
    """Return the share (0..1) of 16x9 cells whose mean luma differs by more than `_OTHER`."""
    return float((cv2.absdiff(_cells(one), _cells(other)) > _OTHER).mean())


def _cells(frame: Frame) -> Image:
    """Mean luma of each cell, of a few samples: uint8 (9, 16)."""
    if frame.layout == "i420":
        few = cv2.resize(split_planes(frame.image)[0], _SAMPLES, interpolation=cv2.INTER_NEAREST)
    else:
        few = cv2.resize(frame.image, _SAMPLES, interpolation=cv2.INTER_NEAREST)
        few = cv2.cvtColor(few, cv2.COLOR_BGR2GRAY)
    return cast(Image, cv2.resize(few, (16, 9), interpolation=cv2.INTER_AREA))


def without_hidden(shown: Frame) -> Frame:
    """Return a picture with black where it is wholly transparent.

    A reader that leaves the alpha out, as many players do, would see the room there.
    """
    if shown.alpha is None:
        return shown
    return shown.with_bgr(cast(Image, cv2.copyTo(shown.bgr, shown.alpha)), shown.alpha)


class Holding:
    """The picture that stands in for frames that must not be shown.

    Args:
        size: (width, height) of the run's pictures.
        when_unsure: which picture; before there is a safe one, "last" and "blur" are plain.
    """

    def __init__(self, size: tuple[int, int], when_unsure: WhenUnsure) -> None:
        self.when_unsure = when_unsure
        self.plain = _plain(size)
        """The picture for when nothing else is safe."""
        self._last: Frame | None = None
        self._smeared: Frame | None = None
        self._nothing = Mask(np.zeros((2, 2, 1), np.float32), ("person",))
        self._layout: Layout = "bgr"

    def remember(self, shown: Frame, frame: Frame, mask: Mask) -> None:
        """Keep `shown`, which a mask has covered, as the last safe picture."""
        self._last, self._smeared, self._layout = shown, None, frame.layout
        if self._nothing.classes != mask.classes:
            none = np.zeros((2, 2, len(mask.classes)), np.float32)
            self._nothing = Mask(none, mask.classes, mask.foreground)

    def picture(
        self, effects: Sequence[Effect], pts: Fraction, *, how: WhenUnsure | None = None
    ) -> Frame:
        """Return a picture that shows nothing of the room; its index is of no meaning.

        Args:
            effects: what makes the background.
            pts: the moment that a moving background shows.
            how: instead of `when_unsure`.
        """
        how = how or self.when_unsure
        if how == "background":
            return self._background(effects, pts)
        if self._last is None:
            return self.plain
        if how == "last":
            return self._last
        if self._smeared is None:
            self._smeared = self._last.with_bgr(pixelate(self._last.bgr))
        return self._smeared

    def _background(self, effects: Sequence[Effect], pts: Fraction) -> Frame:
        """Apply `effects` to a plain picture in which nobody is."""
        plain = self.plain
        if self._layout == "i420":
            shown = Frame.from_i420(plain.i420, size=plain.size, index=0, pts=pts, captured_at=0.0)
        else:
            shown = Frame.from_bgr(plain.bgr, index=0, pts=pts, captured_at=0.0)
        try:
            for effect in effects:
                shown = effect.apply(shown, self._nothing)
        except Exception:  # whatever is wrong with the background, the room stays covered
            return self.plain
        return shown


def _plain(size: tuple[int, int]) -> Frame:
    picture = np.full((size[1], size[0], 3), NEUTRAL, np.uint8)
    return Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0.0)
