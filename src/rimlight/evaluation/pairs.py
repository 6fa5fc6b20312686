"""Finds pictures and their masks in a folder, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError
from rimlight.imaging.pictures import read_picture

SUFFIXES = (".jpg", ".jpeg", ".png")
_MASK_END = "_mask"
_ALIKE = 0.8  # correlation of thumbnails; frames of dancers reach 0.9, unrelated pictures 0.5
_LOOKED_AT = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its mask."""

    name: str
    image: Path
    mask: Path


def find_pairs(folder: Path) -> list[Pair]:
    """Return the pairs of `folder`, sorted by name.

    Raises:
        ConfigError: `images` or `masks` is missing or empty, or a file has no partner.
    """
    pairs, wrong = matched(folder)
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ConfigError(
            f"{folder}: {'; '.join(wrong[:5])}{more}",
            hint="every images/NAME.jpg or .png needs a masks/NAME_mask.png",
        )
    return pairs


def matched(folder: Path) -> tuple[list[Pair], list[str]]:
    """Return the pairs of `folder`, sorted by name, and a line for each file without a partner.

    Raises:
        ConfigError: `images` or `masks` is missing or empty.
    """
    images, masks = _files(folder, "images"), _files(folder, "masks")
    both = sorted(images.keys() & masks.keys())
    pairs = [Pair(name, images[name], masks[name]) for name in both]
    return pairs, _without_partner(images, masks)


def problems(folder: Path) -> list[str]:
    """Return all that is wrong with `folder`, a line each; reads every picture.

    Raises:
        ConfigError: `images` or `masks` is missing or empty.
    """
    images, masks = _files(folder, "images"), _files(folder, "masks")
    wrong = _without_partner(images, masks)
    for name in sorted(images.keys() & masks.keys()):
        try:
            picture = read_picture(images[name])[0]
            mask = read_mask(masks[name])
        except (OSError, ValueError, ConfigError) as exc:
            wrong.append(f"{name}: {exc}")
            continue
        if picture.shape[:2] != mask.shape[:2]:
            sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (picture, mask)]
            wrong.append(f"{name}: the picture is {sizes[0]}, its mask {sizes[1]}")
    return wrong


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return a mask as it is stored: uint8 (h, w), or BGR(A) (h, w, 3 or 4).

    Raises:
        ConfigError: it cannot be read, or has more than 8 bits.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
    mask = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if mask is None or mask.dtype != np.uint8:
        raise ConfigError(f"{path} is not an 8-bit picture", hint="masks are PNG files")
    return cast(NDArray[np.uint8], mask)


def runs_on(pairs: Sequence[Pair]) -> bool:
    """Say whether the pictures follow each other in time.

    Their names must count up by one without a gap, and neighbours must look alike.
    """
    numbers = [int(pair.name) for pair in pairs if pair.name.isdecimal()]
    if len(numbers) < max(2, len(pairs)) or any(b - a != 1 for a, b in pairwise(numbers)):
        return False
    thumbs = [_thumbnail(pair.image) for pair in pairs[: _LOOKED_AT + 1]]
    return float(np.median([_correlation(a, b) for a, b in pairwise(thumbs)])) > _ALIKE


def _files(folder: Path, kind: str) -> dict[str, Path]:
    """Return the pictures in a subfolder by the name of the picture they belong to."""
    place = folder / kind
    if not place.is_dir():
        raise ConfigError(f"{folder} has no folder {kind!r}", hint="it needs images/ and masks/")
    found = {p.stem: p for p in sorted(place.iterdir()) if p.suffix.lower() in SUFFIXES}
    if kind == "masks":
        found = {n.removesuffix(_MASK_END): p for n, p in found.items() if n.endswith(_MASK_END)}
    if not found:
        raise ConfigError(f"{place} holds no pictures", hint=f"{', '.join(SUFFIXES)} are read")
    return found


def _without_partner(images: dict[str, Path], masks: dict[str, Path]) -> list[str]:
    no_mask = [f"{images[n].name} has no mask" for n in sorted(images.keys() - masks.keys())]
    no_image = [f"{masks[n].name} has no picture" for n in sorted(masks.keys() - images.keys())]
    return no_mask + no_image


def _thumbnail(path: Path) -> NDArray[np.float64]:
    grey = cv2.cvtColor(read_picture(path)[0], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    return cast(NDArray[np.float64], small - small.mean())


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size else 1.0
