"""Which classes stay, as the alpha of a frame."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.registry import suggest
from rimlight.imaging.color import round_up_to_even
from rimlight.imaging.compositing.i420 import quantize, upscale_mask

Image = NDArray[np.uint8]
Keep = tuple[str, ...] | None


def compute_mask_alpha(mask: Mask, keep: Keep) -> Image:
    """Return what of `mask` stays, uint8 (h, w) at the mask's own size.

    Args:
        mask: any.
        keep: the classes that stay; None for the mask's own foreground.

    Raises:
        ConfigError: the model has no class of that name.
    """
    names = mask.foreground if keep is None else keep
    if mask.alpha_u8 is not None and names == mask.classes:
        return mask.alpha_u8
    check_classes(names, mask.classes)
    return quantize(mask.alpha(keep))


def compute_frame_alpha(frame: Frame, mask: Mask, keep: Keep) -> Image:
    """Return what of `frame` stays, uint8 (height, width), its own transparency included."""
    width, height = frame.size
    large = upscale_mask(
        compute_mask_alpha(mask, keep), round_up_to_even(frame.size), mask.alpha_range
    )[:height, :width]
    if frame.alpha is None:
        return np.ascontiguousarray(large)
    return np.asarray(cv2.multiply(large, frame.alpha, scale=1 / 255), np.uint8)


def check_classes(names: Iterable[str], known: tuple[str, ...]) -> None:
    """Check that a model has all classes of some names.

    Raises:
        ConfigError: it lacks one; the hint suggests another.
    """
    for name in names:
        if name not in known:
            raise ConfigError(f"the model has no class {name!r}", hint=suggest(name, known))
