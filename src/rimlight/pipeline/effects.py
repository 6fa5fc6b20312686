"""Applies the effects of a run to a frame."""

from __future__ import annotations

from collections.abc import Iterable

from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Effect, TransformsMask


def apply_effects(effects: Iterable[Effect], frame: Frame, mask: Mask) -> Frame:
    """Apply `effects` in order; each gets the mask of the frame as the one before left it."""
    for effect in effects:
        frame = effect.apply(frame, mask)
        if isinstance(effect, TransformsMask):
            mask = effect.transform_mask(mask)
    return frame
