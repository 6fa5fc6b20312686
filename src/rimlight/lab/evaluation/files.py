"""Find the images of a data set, their masks or labels, and what is wrong with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.wording import format_count, join_names
from rimlight.imaging.image_files.read import read_image, read_image_file
from rimlight.lab.evaluation.mask_files import is_ambiguous, read_mask, turn_like
from rimlight.system.file_kinds import get_suffix, is_image
from rimlight.system.folders import is_companion, list_files


def find_sides(folder: Path, other: str) -> tuple[Path, Path | None]:
    """Return the folder of pictures, and that of what belongs to them.

    That is images/ next to `other`, or images/train next to `other`/train; or else the folder
    itself and None.

    Args:
        folder: holds images/, or is or lies in one.
        other: "masks" or "labels".
    """
    if (folder / "images").is_dir():
        beside = folder / other
        return folder / "images", beside if beside.is_dir() else None
    parts = folder.parts
    for place in range(len(parts) - 1, -1, -1):
        if parts[place].lower() == "images":
            beside = Path(*parts[:place], other, *parts[place + 1 :])
            return folder, beside if beside.is_dir() else None
    return folder, None


def list_images(folder: Path) -> list[Path]:
    """Return the pictures directly in a folder, without companions, in natural order.

    Raises:
        ConfigError: it is not there, or may not be read.
    """
    return _list(folder, is_image)


def list_folders(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, without companions, by name.

    Raises:
        ConfigError: it is not there, or may not be read.
    """
    with _translate_read_errors(folder):
        entries = sorted(folder.iterdir())
    return [entry for entry in entries if entry.is_dir() and not is_companion(entry.name)]


def list_files_ending_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files directly in a folder that end in `suffix`, as `list_images`."""
    return _list(folder, lambda path: get_suffix(path) == suffix)


def describe_content(folder: Path) -> str:
    """Describe in a few words what is in a folder, for messages."""
    try:
        entries = [entry for entry in sorted(folder.iterdir()) if not is_companion(entry.name)]
    except OSError as exc:
        return f"it cannot be read ({exc.strerror})"
    folders = [f"{entry.name}/" for entry in entries if entry.is_dir()]
    files = [entry.name for entry in entries if not entry.is_dir()]
    kinds = Counter(get_suffix(name) or "without a suffix" for name in files)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    told = [join_names(folders)] if folders else []
    if files:
        told.append(f"{format_count(len(files), 'file')} ({counts}), such as {files[0]}")
    return " and ".join(told) or "nothing"


def _list(folder: Path, takes: Callable[[Path], bool]) -> list[Path]:
    with _translate_read_errors(folder):
        return list_files(folder, takes)


@contextmanager
def _translate_read_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError(
            f"cannot read the folder {folder}: {exc.strerror}", hint="check the path"
        ) from exc


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
    pairs, wrong = match_files(folder)
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ConfigError(
            f"{folder}: {'; '.join(wrong[:5])}{more}",
            hint=LAYOUT,
        )
    return pairs


def match_files(folder: Path) -> tuple[list[Pair], list[str]]:
    """Return the pairs of `folder`, by name, and a line for each unpaired file.

    Raises:
        ConfigError: there are no pictures or no masks.
    """
    images, masks = _find_files(folder)
    both = sorted(images.keys() & masks.keys())
    pairs = [Pair(name, images[name], masks[name]) for name in both]
    return pairs, _describe_unpaired(images, masks)


def find_problems(folder: Path) -> list[str]:
    """Return all that is wrong with `folder`, a line each; reads every picture.

    Raises:
        ConfigError: there are no pictures or no masks.
    """
    images, masks = _find_files(folder)
    wrong = _describe_unpaired(images, masks)
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
    return read.bgr, turn_like(stored, size, read.orientation), is_ambiguous(size, read.orientation)


def is_sequence(pairs: Sequence[Pair]) -> bool:
    """Say whether the pictures follow each other in time.

    Their names must count up by one without a gap, and neighbors must look alike.
    """
    numbers = [int(pair.name) for pair in pairs if pair.name.isdecimal()]
    if len(numbers) < max(2, len(pairs)) or any(b - a != 1 for a, b in pairwise(numbers)):
        return False
    thumbs = [_make_thumbnail(pair.image) for pair in pairs[: _LOOKED_AT + 1]]
    return float(np.median([_correlate(a, b) for a, b in pairwise(thumbs)])) > _ALIKE


def _find_files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the pictures and the masks of a folder, both by the names of the pictures.

    Masks lie in masks/ (for images/train in masks/train), or next to the pictures.

    Raises:
        ConfigError: there are no pictures, or no masks for them.
    """
    images, masks = find_sides(folder, "masks")
    files = list_images(images)
    if masks is None:  # next to the pictures, told by their names
        masks = images
        beside = [path for path in files if _MASK_END.search(path.stem)]
        files = [path for path in files if not _MASK_END.search(path.stem)]
    else:
        beside = list_images(masks)
    pictures = {path.stem: path for path in files}
    if not pictures:
        lacks = "has no folder 'images'" if images == folder else "holds no pictures"
        raise ConfigError(f"{images} {lacks}; found {describe_content(images)}", hint=LAYOUT)
    named = _name_masks(pictures, beside)
    if not named.keys() & pictures.keys():
        lacks = "holds no mask of" if masks != images else "has no folder 'masks', and no mask of"
        first = min(pictures)
        raise ConfigError(
            f"{folder if masks == images else masks} {lacks} {pictures[first].name}: expected "
            f"{first}_mask.png or {first}.png, found {describe_content(masks)}",
            hint=LAYOUT,
        )
    return pictures, named


def _name_masks(pictures: Mapping[str, Path], files: Sequence[Path]) -> dict[str, Path]:
    """Return masks by the name of their image, or by their own name without one.

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


def _describe_unpaired(images: dict[str, Path], masks: dict[str, Path]) -> list[str]:
    no_mask = [f"{images[n].name} has no mask" for n in sorted(images.keys() - masks.keys())]
    no_image = [f"{masks[n].name} has no picture" for n in sorted(masks.keys() - images.keys())]
    return no_mask + no_image


def _make_thumbnail(path: Path) -> NDArray[np.float64]:
    gray = cv2.cvtColor(read_image(path)[0], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    return cast(NDArray[np.float64], small - small.mean())


def _correlate(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size else 1.0
