"""Auto-framing: follows the person and enlarges them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectPosition, EffectTraits
from rimlight.effects.alpha import Keep, compute_mask_alpha
from rimlight.effects.camera_move import CameraMove, limit_to_picture
from rimlight.effects.mask_move import move_mask
from rimlight.imaging.color import round_up_to_even
from rimlight.imaging.pool import ArrayPool
from rimlight.imaging.viewport import WHOLE, Viewport, enlarge_i420, enlarge_plane

Image = NDArray[np.uint8]

_ABSENT_S = 2.0
"""After this time without a person the whole picture is shown again."""
_MIN_LEVEL = 128
_MIN_SHARE = 0.02
"""Rows and columns with less than this share of person do not count: specks."""
_SIDES = 1.15
"""Width of the viewport, in widths of the person."""
_HEAD = 0.35
"""Upper part of a person in whose middle the head is."""


class FramingEffect(EffectTraits):
    """Follows the foreground and enlarges it, within the frame; later effects see it enlarged.

    So a background that is put in after it stands still.
    """

    person_only = True
    position = EffectPosition.CONTENT

    class Options(opt.Options):
        """How close, and how calmly."""

        max_zoom: Annotated[
            float, Field(ge=1, le=4, description="maximum enlargement of the person")
        ] = 2.0
        headroom: Annotated[
            float, Field(ge=0, le=0.5, description="space above the head, share of the height")
        ] = 0.12
        body: Annotated[
            float,
            Field(gt=0, le=1, description="share of the person, from the head down, to show"),
        ] = 0.8
        dead_zone: Annotated[
            float,
            Field(gt=0, le=0.5, description="movement that is ignored, share of the picture"),
        ] = 0.08
        move_s: Annotated[
            float, Field(gt=0, le=10, description="seconds that a move takes, about")
        ] = 1.0
        keep: Annotated[
            Keep, Field(description="classes that are followed; none: the model's own choice")
        ] = None

    @classmethod
    def is_stateful(cls, options: Any) -> bool:
        """Return True: it follows."""
        return True

    def __init__(self, options: Options) -> None:
        self._options = options
        self._move = CameraMove(options.dead_zone, options.move_s)
        self._pool = ArrayPool()
        self._mask: Mask | None = None
        self._person: PersonBox | None = None
        self._wanted = WHOLE
        self._seen_at: Fraction | None = None
        self._pts: Fraction | None = None

    @property
    def view(self) -> Viewport:
        """The part of the frame that is shown."""
        return self._move.view

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the person enlarged; the frame itself while all of it is shown."""
        step_s = 0.0 if self._pts is None else float(frame.pts - self._pts)
        self._pts = frame.pts
        self._move.follow(self._find_wanted(mask, frame.pts), step_s)
        return enlarge_frame(frame, self.view, self._pool)

    def transform_mask(self, mask: Mask) -> Mask:
        """Return the mask of the enlarged frame."""
        return move_mask(mask, self.view)

    def close(self) -> None:
        """Nothing to release."""

    def _find_wanted(self, mask: Mask, pts: Fraction) -> Viewport:
        """Return what would frame the person best; the last one while nobody is there."""
        if mask is not self._mask:
            self._mask = mask
            self._person = find_person(compute_mask_alpha(mask, self._options.keep))
        if self._person is not None:
            self._wanted, self._seen_at = self._frame_person(self._person), pts
        if self._seen_at is None or pts - self._seen_at > _ABSENT_S or pts < self._seen_at:
            return WHOLE
        return self._wanted

    def _frame_person(self, person: PersonBox) -> Viewport:
        options = self._options
        needed = options.body * (person.bottom - person.top) / (1 - options.headroom)
        scale = max(needed, _SIDES * (person.right - person.left), 1 / options.max_zoom)
        scale = min(scale, 1.0)
        left = person.head - scale / 2
        return limit_to_picture(Viewport(left, person.top - options.headroom * scale, scale))


@dataclass(frozen=True, slots=True)
class PersonBox:
    """Where the foreground is, in shares of the frame's sides.

    Attributes:
        left: of its left edge.
        top: of its upper edge.
        right: of its right edge.
        bottom: of its lower edge.
        head: the middle of its upper part, from the left.
    """

    left: float
    top: float
    right: float
    bottom: float
    head: float


def find_person(alpha: Image) -> PersonBox | None:
    """Return the box around the foreground, None if there is none.

    Args:
        alpha: uint8 (h, w), 255 on the foreground.
    """
    height, width = alpha.shape
    solid = cv2.threshold(alpha, _MIN_LEVEL - 1, 1, cv2.THRESH_BINARY)[1]
    across, down = (
        np.flatnonzero(cv2.reduce(solid, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S) > least)
        for axis, least in ((0, _MIN_SHARE * height), (1, _MIN_SHARE * width))
    )
    if not (across.size and down.size):
        return None
    top, bottom = int(down[0]), int(down[-1]) + 1
    head = solid[top : top + max(1, round(_HEAD * (bottom - top)))]
    columns = cv2.reduce(head, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    middle = float((columns * (np.arange(width) + 0.5)).sum() / max(1, int(columns.sum())))
    return PersonBox(
        int(across[0]) / width,
        top / height,
        (int(across[-1]) + 1) / width,
        bottom / height,
        middle / width,
    )


def enlarge_frame(frame: Frame, view: Viewport, pool: ArrayPool) -> Frame:
    """Return `frame` with the part under `view` enlarged to its size."""
    if view.is_whole:
        return frame
    is_planar = frame.layout == "i420" and frame.size == round_up_to_even(frame.size)
    if is_planar and frame.alpha is None:
        return replace(
            frame, image=enlarge_i420(frame.image, view, pool.acquire(frame.image.shape))
        )
    bgr = pool.acquire(frame.bgr.shape)
    enlarge_plane(frame.bgr, view, bgr)
    if frame.alpha is None:
        return frame.with_bgr(bgr)
    alpha = pool.acquire(frame.alpha.shape)
    enlarge_plane(frame.alpha, view, alpha)
    return frame.with_bgr(bgr, alpha)
