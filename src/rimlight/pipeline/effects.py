"""Applies the effects of a run to a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.core.hdr_image import find_untouched, make_noise
from rimlight.core.protocols import Effect, EffectTraits, TransformsMask


def apply_effects(effects: Iterable[Effect], frame: Frame, mask: Mask) -> Frame:
    """Apply `effects` in order; each gets the mask of the frame as the one before left it.

    The samples of an HDR frame are kept where the effects leave every image as it is.
    """
    effects = tuple(effects)
    if frame.hdr is not None:
        frame = replace(frame, hdr=frame.hdr.restrict_to(_probe(effects, frame, mask)))
    for effect in effects:
        frame = effect.apply(frame, mask)
        if isinstance(effect, TransformsMask):
            mask = effect.transform_mask(mask)
    return frame


def _probe(effects: Sequence[Effect], frame: Frame, mask: Mask) -> NDArray[np.uint8] | None:
    """Return where the effects leave a frame as it is; None if that cannot be found out."""
    own = [effect for effect in effects if isinstance(effect, EffectTraits)]
    if frame.layout != "i420" or not all(effect.is_repeatable for effect in own):
        return None
    noise = make_noise((frame.image.shape[0], frame.image.shape[1]))
    shown = apply_effects(own, replace(frame, image=noise, hdr=None), mask)
    if shown.layout != "i420" or shown.image.shape != noise.shape:
        return None
    return find_untouched(shown.image, noise)
