"""Read masks as what they mean: behind a palette, in the alpha, on a rotated photo."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.imaging.geometry import UPRIGHT, Orientation
from rimlight.imaging.image_files.read import describe_read_error, read_regular_file

Image = NDArray[np.uint8]

TURNED = (
    "%s is turned by its EXIF tag, and so was its mask, as its size does not tell which way it "
    "lies; if masks were drawn on upright pictures, remove the tag (exiftool -Orientation= FILE)"
)

_MANY = 256
"""A picture of more colors than this is no mask but what a mask cut out."""


def read_mask(path: Path, *, colors: bool = False) -> Image:
    """Return a mask as what it means.

    The values of a palette picture are its ids, unless the palette is gray. Where all that is not
    transparent has one color, or so many that it is a cut-out photo, the mask is the alpha; else
    what is transparent is black.

    Args:
        path: the file.
        colors: the colors are what it means.

    Returns:
        Values uint8 (h, w), or BGR (h, w, 3) for colors; always BGR with `colors`.

    Raises:
        ConfigError: it cannot be read, or has more than 8 bits.
    """
    try:
        data = read_regular_file(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"cannot read {path}: {describe_read_error(exc)}") from exc
    decoded = _decode(data, path)
    if not colors and _is_colored(decoded) and (ids := _read_palette_ids(data)) is not None:
        return ids
    mask = _select_values(decoded)
    is_wanted = mask.ndim == 3 or not colors
    return mask if is_wanted else cast(Image, cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR))


def turn_like(mask: Image, size: tuple[int, int], turned: Orientation) -> Image:
    """Rotate a mask that was drawn on an image as stored, as EXIF rotates the image.

    A mask that only fits the upright picture was drawn on that, and stays as it is.

    Args:
        mask: uint8 (h, w), or with channels.
        size: (width, height) of the upright picture.
        turned: how the picture was turned.
    """
    stored = (mask.shape[1], mask.shape[0])
    return turned.apply(mask) if turned.transform_size(stored) == size else mask


def is_ambiguous(size: tuple[int, int], turned: Orientation) -> bool:
    """Return True if the size does not tell whether a mask was drawn on the upright picture."""
    return turned != UPRIGHT and turned.transform_size(size) == size


def reduce_to_one_channel(mask: Image) -> Image:
    """Return the values of a mask; of one in colors the brightest channel."""
    return mask if mask.ndim == 2 else np.ascontiguousarray(mask[..., :3].max(axis=2))


def _decode(data: bytes, path: Path) -> Image:
    try:
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        mask = None
    if mask is None or mask.dtype != np.uint8:
        raise ConfigError(f"{path} is not an 8-bit picture", hint="masks are PNG files")
    return cast(Image, mask)


def _select_values(mask: Image) -> Image:
    """Choose between color and alpha; gray in three channels becomes one."""
    if mask.ndim == 3 and mask.shape[2] == 4:
        alpha, mask = mask[..., 3], mask[..., :3]
        if alpha.min(initial=255) < 255:
            shown = np.unique(mask[alpha > 0], axis=0)
            if len(shown) <= 1 or len(shown) > _MANY:
                return np.ascontiguousarray(alpha)
            mask = mask * (alpha > 0)[..., None]
    return np.ascontiguousarray(mask if _is_colored(mask) or mask.ndim == 2 else mask[..., 0])


def _is_colored(mask: Image) -> bool:
    return mask.ndim == 3 and bool((mask[..., 1:3] != mask[..., :1]).any())


def _read_palette_ids(data: bytes) -> Image | None:
    """Return the values behind a palette, of which OpenCV gives the colors only; None without."""
    from rimlight.imaging.image_files import pillow

    with pillow.open_image(data) as found:
        return np.array(found.image, np.uint8) if found.image.mode == "P" else None
