"""Find the images and masks of a data set, report what is wrong, and split them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.core.wording import format_count, join_names
from rimlight.lab.evaluation.files import LAYOUT, find_sides
from rimlight.lab.evaluation.mask_files import is_ambiguous
from rimlight.lab.training.data.folders import Found, find_folder_samples
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.polygons import find_coco_samples, find_yolo_samples, is_coco
from rimlight.lab.training.data.samples import ColorMask, IdMask, Sample, Samples, read_oriented
from rimlight.lab.training.data.splits import measure_class_shares, sort_by_name, split, split_of

_FINDERS: Mapping[str, Callable[[Path, DataOptions], Found]] = MappingProxyType(
    {
        "folders": find_folder_samples,
        "camvid": partial(find_folder_samples, camvid=True),
        "yolo": find_yolo_samples,
        "coco": find_coco_samples,
    }
)
_SHOWN = 5


def find_samples(options: DataOptions) -> Samples:
    """Return the pictures of a data set with their labels, split and checked.

    A path that is split, such as into `train` and `val`, stays so: see `layouts`. Of all others a
    share is kept back, chosen by a hash of the name: the same pictures on every machine, whatever
    is added later. Where that leaves a class out of one part, pictures that show it change places.

    Raises:
        ConfigError: a path is no data set, the classes lead nowhere, or no sample is usable.
    """
    train_parts, kept_parts = _split_parts(options)
    train, wrong = _keep_usable(train_parts, options)
    kept, also_wrong = _keep_usable(kept_parts, options)
    _refuse_if_empty(train, options.paths, wrong)
    if kept_parts:
        _refuse_if_empty(kept, [path for path, _ in kept_parts], also_wrong)
    else:
        train, kept = split(train, options.validation)
        if kept:
            train, kept = measure_class_shares(train, kept, len(options.classes))
    return Samples(train, kept, (*wrong, *also_wrong))


def check_classes(samples: Samples, options: DataOptions) -> None:
    """Check that every class occurs in what is trained on, and in what is held back.

    A class that does not is never learnt, or never judged: the figures would look perfect. Nothing
    is known of samples that were not looked into.

    Raises:
        ConfigError: one does not.
    """
    if not options.check:
        return
    for part, purpose in ((samples.train, "to train on"), (samples.validation, "to validate on")):
        counts = [sum(label in one.shown for one in part) for label in range(len(options.classes))]
        if missing := [name for name, n in zip(options.classes, counts, strict=True) if not n]:
            shown = zip(options.classes, counts, strict=True)
            seen = ", ".join(f"{name} in {count}" for name, count in shown)
            wrong = f"; wrong with the files: {samples.problems[0]}" if samples.problems else ""
            raise ConfigError(
                f"none of {format_count(len(part), 'picture')} {purpose} shows "
                f"{', '.join(missing)} ({seen}){wrong}",
                hint="check data.classes, data.remap and the masks; with more pictures, or "
                "data.validation_paths, both parts can show it; data.check=false looks at nothing",
            )


_Part = tuple[Path, tuple[str, ...]]
"""A folder or file, and what its data set calls the ids."""


def _split_parts(options: DataOptions) -> tuple[list[_Part], list[_Part]]:
    """Return what to train on, and what to validate on, empty where a share is kept."""
    for path in (*options.paths, *options.validation_paths):
        if not path.exists():
            raise ConfigError(f"there is no folder {path}", hint="check the path and its spelling")
    splits = [split_of(path) for path in options.paths]
    train = [(path, split.names) for split in splits for path in split.train]
    if options.validation_paths:
        return train, [(path, ()) for path in options.validation_paths]
    kept = [(path, split.names) for split in splits for path in split.validation]
    if kept and not all(split.validation for split in splits):
        raise ConfigError(
            "some paths hold train and val, others do not",
            hint="name what to validate on in validation_paths",
        )
    return train, kept


def _keep_usable(
    parts: Sequence[_Part], options: DataOptions
) -> tuple[tuple[Sample, ...], list[str]]:
    samples: list[Sample] = []
    wrong: list[str] = []
    unsure: list[str] = []
    for path, names in parts:
        said = options.model_copy(update={"names": options.names or names})
        found = _FINDERS[_detect_format(path, options)](path, said)
        wrong += found.problems
        for sample in found.samples:
            looked = _inspect(sample) if options.check else _Look(sample)
            wrong += looked.problems
            unsure += [sample.name] * looked.is_unsure
            samples += [looked.sample] if looked.sample else []
    if unsure:
        wrong.append(
            f"{format_count(len(unsure), 'picture')} turned by the EXIF tag, and the masks with "
            f"them, as their sizes do not tell which way they lie: {join_names(unsure)}; if the "
            "masks were drawn on upright pictures, remove the tags (exiftool -Orientation= FILES)"
        )
    return sort_by_name(samples), wrong


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen in a sample; no sample if it is unusable."""

    sample: Sample | None
    problems: Sequence[str] = ()
    is_unsure: bool = False


def _inspect(sample: Sample) -> _Look:
    """Read a sample, and say what is wrong with it."""
    try:
        image, turned = read_oriented(sample.picture)
        size = (image.shape[1], image.shape[0])
        found = sample.mask.problems(size, turned)
        shown = np.flatnonzero(np.bincount(sample.mask.read(size, turned).ravel()))
    except ConfigError as exc:
        return _Look(None, [f"{sample.name}: {exc}; left out"])
    unsure = is_ambiguous(size, turned) and isinstance(sample.mask, IdMask | ColorMask)
    known = replace(sample, shown=frozenset(shown.tolist()))
    return _Look(known, [f"{sample.name}: {problem}" for problem in found], unsure)


def _detect_format(path: Path, options: DataOptions) -> str:
    if options.format != "auto":
        return options.format
    if path.is_file():
        return "coco"
    if find_sides(path, "masks")[1]:
        return "folders"
    if find_sides(path, "labels")[1]:
        return "yolo"
    return "coco" if is_coco(path) else "folders"


def _refuse_if_empty(
    samples: Sequence[Sample], paths: Sequence[Path], wrong: Sequence[str]
) -> None:
    if samples:
        return
    if not paths:
        raise ConfigError("no data set is named", hint="say in data.paths where the pictures lie")
    listed = "; ".join(wrong[:_SHOWN]) or "they are empty"
    raise ConfigError(
        f"no usable picture in {', '.join(map(str, paths))}: {listed}",
        hint=f"{LAYOUT} of its size, or a labels/NAME.txt",
    )
