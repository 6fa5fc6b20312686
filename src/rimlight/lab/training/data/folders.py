"""Folders of images and masks: images/NAME.jpg with masks/NAME_mask.png, and CamVid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.lab.evaluation.files import describe_content, list_images, match_files
from rimlight.lab.evaluation.labels import CAMVID, COMMA10K
from rimlight.lab.evaluation.mask_files import read_mask, reduce_to_one_channel
from rimlight.lab.training.data.label_map import (
    ColorTable,
    IdTable,
    LabelMap,
    make_color_table,
    make_gray_table,
    make_id_table,
)
from rimlight.lab.training.data.options import IGNORED, DataOptions
from rimlight.lab.training.data.samples import ColorMask, IdMask, Sample, Truth

_LOOKED_AT = 24  # masks, to tell how a data set writes them
_CAMVID_VOID = (len(CAMVID.classes),)


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds: its samples by name, and what is wrong with it."""

    samples: tuple[Sample, ...]
    problems: tuple[str, ...] = ()


def find_folder_samples(folder: Path, options: DataOptions, *, camvid: bool = False) -> Found:
    """Return the pairs of `folder`.

    Args:
        folder: as for `evaluation.pairs.match_files`.
        options: what its masks mean.
        camvid: the masks hold CamVid's ids.

    Raises:
        ConfigError: a folder is missing or empty, or what the masks mean leads nowhere.
    """
    pairs, lonely = match_files(folder)
    table = _make_table([pair.mask for pair in pairs], options, camvid=camvid)
    samples = [
        Sample(f"{folder.resolve().name}/{pair.name}", pair.image, _make_truth(pair.mask, table))
        for pair in pairs
    ]
    return Found(tuple(samples), tuple(f"{folder}: {each}" for each in lonely))


def _make_truth(mask: Path, table: IdTable | ColorTable) -> Truth:
    return IdMask(mask, table) if isinstance(table, IdTable) else ColorMask(mask, table)


def _make_table(
    masks: Sequence[Path], options: DataOptions, *, camvid: bool
) -> IdTable | ColorTable:
    mapped = LabelMap(options)
    if camvid:
        return make_id_table(mapped, CAMVID.classes, _CAMVID_VOID)
    kind = options.masks if options.masks != "auto" else _guess(masks, options, mapped)
    if kind == "gray":
        return make_gray_table(options.classes)
    if kind == "ids":
        return make_id_table(mapped, options.names)
    return make_color_table(mapped, _find_comma10k())


def _find_comma10k() -> dict[int, str]:
    """The names of comma10k's colors, which no other data set here uses for something else."""
    return dict(zip(COMMA10K.colors or (), COMMA10K.classes, strict=True))


def _guess(masks: Sequence[Path], options: DataOptions, mapped: LabelMap) -> str:
    """Say whether masks are "gray", "ids" or "colors", by what was said and how they look."""
    if mapped.colors():
        return "colors"
    if mapped.has_ids:
        return "ids"
    values = np.zeros(256, np.bool_)
    for path in masks[:: max(1, len(masks) // _LOOKED_AT)]:
        try:
            mask = read_mask(path)
        except ConfigError:
            continue  # the check of all files names it
        if mask.ndim == 3 and (mask[..., :3] != mask[..., :1]).any():
            return "colors"
        values |= np.bincount(reduce_to_one_channel(mask).ravel(), minlength=256) > 0
    present = set(np.flatnonzero(values).tolist())
    counted = present - {0, IGNORED}
    is_gray = not counted or max(counted) >= max(len(options.classes), len(options.names))
    return "gray" if is_gray and len(options.classes) == 2 and not options.remap else "ids"


def index_images(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder by their names without suffix.

    Raises:
        ConfigError: there is no folder, or no picture in it.
    """
    found = {path.stem: path for path in list_images(folder)}
    if not found:
        raise ConfigError(
            f"{folder} holds no pictures: there is {describe_content(folder)}",
            hint="check the path",
        )
    return found
