"""Finds pictures and their masks in a folder, and says what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.imaging.image_files.read import read_image, read_image_file
from rimlight.lab.evaluation.layout import pictures_in, sides, what_lies_in
from rimlight.lab.evaluation.masks import is_unsure, read_mask, turned_along

_MASK_END = re.compile(r"[_-](?:mask|matte)s?$", re.IGNORECASE)
LAYOUT = "every images/NAME.jpg needs a masks/NAME_mask.png, or masks/NAME.png"
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
        ConfigError: there are no pictures or masks, or a file has no partner.
    """
    pairs, wrong = matched(folder)
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ConfigError(
            f"{folder}: {'; '.join(wrong[:5])}{more}",
            hint=LAYOUT,
        )
    return pairs


def matched(folder: Path) -> tuple[list[Pair], list[str]]:
    """Return the pairs of `folder`, sorted by name, and a line for each file without a partner.

    Raises:
        ConfigError: there are no pictures or no masks.
    """
    images, masks = _files(folder)
    both = sorted(images.keys() & masks.keys())
    pairs = [Pair(name, images[name], masks[name]) for name in both]
    return pairs, _without_partner(images, masks)


def problems(folder: Path) -> list[str]:
    """Return all that is wrong with `folder`, a line each; reads every picture.

    Raises:
        ConfigError: there are no pictures or no masks.
    """
    images, masks = _files(folder)
    wrong = _without_partner(images, masks)
    for name in sorted(images.keys() & masks.keys()):
        try:
            picture, mask, _ = read_pair(images[name], masks[name])
        except (OSError, ValueError, ConfigError) as exc:
            wrong.append(f"{name}: {exc}")
            continue
        if picture.shape[:2] != mask.shape[:2]:
            sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (picture, mask)]
            wrong.append(f"{name}: the picture is {sizes[0]}, its mask {sizes[1]}")
    return wrong


def read_pair(
    picture: Path, mask: Path, *, colors: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], bool]:
    """Read a picture and its mask, the right way up.

    Returns:
        BGR uint8 (h, w, 3), the mask as `read_mask` gives it, and whether it is not sure that the
        mask had to be turned as the picture was.

    Raises:
        OSError: the picture cannot be read.
        ValueError: it is none.
        ConfigError: the mask cannot be read.
    """
    read = read_image_file(picture)
    size = (read.bgr.shape[1], read.bgr.shape[0])
    stored = read_mask(mask, colors=colors)
    return read.bgr, turned_along(stored, size, read.orientation), is_unsure(size, read.orientation)


def runs_on(pairs: Sequence[Pair]) -> bool:
    """Say whether the pictures follow each other in time.

    Their names must count up by one without a gap, and neighbors must look alike.
    """
    numbers = [int(pair.name) for pair in pairs if pair.name.isdecimal()]
    if len(numbers) < max(2, len(pairs)) or any(b - a != 1 for a, b in pairwise(numbers)):
        return False
    thumbs = [_thumbnail(pair.image) for pair in pairs[: _LOOKED_AT + 1]]
    return float(np.median([_correlation(a, b) for a, b in pairwise(thumbs)])) > _ALIKE


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the pictures and the masks of a folder, both by the names of the pictures.

    Masks lie in masks/ (for images/train in masks/train), or next to the pictures.

    Raises:
        ConfigError: there are no pictures, or no masks for them.
    """
    images, masks = sides(folder, "masks")
    files = pictures_in(images)
    if masks is None:  # next to the pictures, told by their names
        masks = images
        beside = [path for path in files if _MASK_END.search(path.stem)]
        files = [path for path in files if not _MASK_END.search(path.stem)]
    else:
        beside = pictures_in(masks)
    pictures = {path.stem: path for path in files}
    if not pictures:
        lacks = "has no folder 'images'" if images == folder else "holds no pictures"
        raise ConfigError(f"{images} {lacks}; found {what_lies_in(images)}", hint=LAYOUT)
    named = _named_masks(pictures, beside)
    if not named.keys() & pictures.keys():
        lacks = "holds no mask of" if masks != images else "has no folder 'masks', and no mask of"
        first = min(pictures)
        raise ConfigError(
            f"{folder if masks == images else masks} {lacks} {pictures[first].name}: expected "
            f"{first}_mask.png or {first}.png, found {what_lies_in(masks)}",
            hint=LAYOUT,
        )
    return pictures, named


def _named_masks(pictures: Mapping[str, Path], files: Sequence[Path]) -> dict[str, Path]:
    """Return masks by the name of their picture, or by their own where there is no such picture.

    NAME_mask goes before NAME; capital letters do not matter where the exact name is not there.
    """
    by_lower = {name.lower(): name for name in pictures}
    found: dict[str, Path] = {}
    for path in sorted(files, key=lambda file: not _MASK_END.search(file.stem)):
        bare = _MASK_END.sub("", path.stem)
        names = (bare, path.stem, by_lower.get(bare.lower()), by_lower.get(path.stem.lower()))
        name = next((name for name in names if name in pictures), bare)
        found.setdefault(name or bare, path)
    return found


def _without_partner(images: dict[str, Path], masks: dict[str, Path]) -> list[str]:
    no_mask = [f"{images[n].name} has no mask" for n in sorted(images.keys() - masks.keys())]
    no_image = [f"{masks[n].name} has no picture" for n in sorted(masks.keys() - images.keys())]
    return no_mask + no_image


def _thumbnail(path: Path) -> NDArray[np.float64]:
    gray = cv2.cvtColor(read_image(path)[0], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    return cast(NDArray[np.float64], small - small.mean())


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size else 1.0
