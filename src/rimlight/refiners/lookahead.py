"""Masks made steady by what comes after them: a stage that holds frames back for a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.imaging.flow import Luma, downscale_luma, warp
from rimlight.refiners.flow_smoothing import (
    EMPTY,
    FlowLink,
    FlowLinker,
    FlowOptions,
    blend_towards,
    is_empty,
)

MAX_FRAMES = 60
MAX_BYTES = 64 << 20
"""Pictures that wait take no more than this, whatever their size."""


@dataclass(slots=True)
class _Waiting:
    """A frame that waits for those after it, and how its mask comes over from the next one."""

    frame: Frame
    mask: Mask
    luma: Luma
    link: FlowLink | None = None


class MaskLookahead:
    """Holds frames back until the next `frames` are known, and draws their masks towards those.

    It runs `FlowSmoothRefiner`'s filter backwards, from `frames` ahead to the frame itself, over
    masks that refiners have smoothed forwards: what either of the two delays, the other advances
    (forward-backward filtering, J. Kormylo and V. Jain, 1974). At a cut, a gap of a second, and
    where three masks in a row show nobody, what comes after no longer counts. Label masks wait
    like the others, and pass unchanged.

    A result depends on nothing but the frame, its refined mask, and those of the frames ahead: a
    run that is gone on with makes the same.
    """

    class Options(FlowOptions):
        """How far, and how steady: the other mask is that of the frame after."""

        frames: Annotated[int, Field(ge=1, le=MAX_FRAMES, description="frames that are waited for")]

    def __init__(self, options: Options) -> None:
        self._frames = options.frames
        self._linker = FlowLinker(options)
        self._waiting: deque[_Waiting] = deque()

    def push(self, frame: Frame, mask: Mask) -> list[tuple[Frame, Mask]]:
        """Take the next frame; return those, in order, whose turn has come."""
        has_scores = mask.data.dtype != np.uint8
        luma = (
            downscale_luma(frame.luma_or_bgr, mask.shape)
            if has_scores
            else np.empty((0, 0), np.uint8)
        )
        one = _Waiting(frame, mask, luma)
        if self._waiting:
            self._waiting[-1].link = self._link(self._waiting[-1], one)
        self._waiting.append(one)
        due = []
        while len(self._waiting) > limit_frames(self._frames, frame.nbytes):
            due.append(self._next())
        return due

    def flush(self) -> Iterator[tuple[Frame, Mask]]:
        """Yield the frames that still wait: nothing comes after them."""
        while self._waiting:
            yield self._next()

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _link(self, here: _Waiting, there: _Waiting) -> FlowLink | None:
        fits = here.mask.classes == there.mask.classes and here.luma.shape == there.luma.shape
        fits = fits and here.mask.is_finite and there.mask.is_finite
        if not (fits and here.luma.size and is_continuous(here.frame.pts, there.frame.pts)):
            return None
        return self._linker.link(here.mask, here.luma, other=there.mask, other_luma=there.luma)

    def _next(self) -> tuple[Frame, Mask]:
        """Filter backwards, from as far ahead as the scene goes on, to the first that waits."""
        scene: list[_Waiting] = []
        for one in self._waiting:
            scene.append(one)
            if one.link is None:
                break
        return self._waiting.popleft().frame, _steady(scene)


def _steady(scene: Sequence[_Waiting]) -> Mask:
    """Return the first mask of `scene`, mixed with those after it.

    Going backwards, a mask counts once and what is known from later ones by the weight of the
    link times the number of masks that it stands for: so all of a scene that holds still count
    nearly alike, however short the scene is.
    """
    mask = scene[-1].mask
    known, empty = np.ones(mask.shape, np.float32), int(is_empty(mask))
    for one in reversed(scene[:-1]):
        empty = empty + 1 if is_empty(one.mask) else 0
        assert one.link is not None
        later = cv2.multiply(warp(known, one.link.remap), one.link.weight)
        known = np.add(later, 1, dtype=np.float32)
        mixed = blend_towards(one.mask, mask, replace(one.link, weight=later / known))
        if mixed is one.mask or empty >= EMPTY:
            mixed, known = one.mask, np.ones(one.mask.shape, np.float32)
        mask = mixed
    return mask


def limit_frames(frames: int, frame_bytes: int) -> int:
    """Return how many of `frames` are looked ahead at pictures of `frame_bytes` bytes each."""
    return max(1, min(frames, MAX_BYTES // max(1, frame_bytes)))
