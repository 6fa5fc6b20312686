"""Colors between ICC profiles, by LittleCMS (Pillow's ImageCms)."""

from __future__ import annotations

import io
import logging
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_log = logging.getLogger(__name__)


def converted(bgr: Image, source: bytes, target: bytes) -> Image:
    """Return a picture so that it looks the same in another color space.

    Relative colorimetric; colors that the target cannot show are clipped.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        source: its ICC profile; empty for sRGB.
        target: the profile to convert to; empty for sRGB.

    Returns:
        uint8 (height, width, 3), BGR; `bgr` itself where the profiles are the same, or one of them
        is damaged.
    """
    if source == target:
        return bgr
    transform = _transform(source, target)
    if transform is None:
        return bgr
    from PIL import Image as Pil
    from PIL import ImageCms

    rgb = Pil.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    made = ImageCms.applyTransform(rgb, transform)
    return np.ascontiguousarray(np.asarray(made, np.uint8)[..., ::-1])


@lru_cache(maxsize=8)
def _transform(source: bytes, target: bytes) -> Any:
    """Return LittleCMS's transform, None where a profile cannot be read."""
    from PIL import ImageCms

    try:
        return ImageCms.buildTransform(
            _profile(source),
            _profile(target),
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ValueError, ImageCms.PyCMSError) as exc:
        _log.warning("a color profile cannot be read, so its colors are taken as sRGB: %s", exc)
        return None


def _profile(icc: bytes) -> Any:
    from PIL import ImageCms

    if not icc:
        return ImageCms.createProfile("sRGB")
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))
