"""Pictures with outlines as YOLO writes them: see `evaluation.outlines`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.lab.evaluation.layout import files_like, sides, what_lies_in
from rimlight.lab.evaluation.outlines import read_outlines
from rimlight.lab.training.data.folders import Found, pictures_by_name
from rimlight.lab.training.data.layouts import YAMLS, names_in
from rimlight.lab.training.data.mapping import LabelMap
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample, Shape, Shapes

Labeler = Callable[[int], int | None]


def yolo_samples(folder: Path, options: DataOptions) -> Found:
    """Return the pictures of `folder` that have a file of outlines; an empty file is background.

    Raises:
        ConfigError: a folder is missing or empty, or the classes lead nowhere.
    """
    pictures, labels = sides(folder, "labels")
    images = pictures_by_name(pictures)
    texts = {path.stem: path for path in files_like(labels or pictures, ".txt")}
    if not images.keys() & texts.keys():
        first = next(iter(images))
        raise ConfigError(
            f"{labels or pictures} holds no labels of {images[first].name}: expected {first}.txt, "
            f"found {what_lies_in(labels or pictures)}",
            hint="every images/NAME.jpg needs a labels/NAME.txt",
        )
    both, label = sorted(images.keys() & texts.keys()), _labeler(folder, options)
    lonely = [f"{folder}: {images[n].name} has no labels" for n in sorted(images.keys() - texts)]
    lonely += [f"{folder}: {texts[n].name} has no picture" for n in sorted(texts.keys() - images)]
    prefix = folder.resolve().name
    samples = [Sample(f"{prefix}/{n}", images[n], _shapes(texts[n], label)) for n in both]
    return Found(tuple(samples), tuple(lonely))


def _shapes(path: Path, label: Labeler) -> Shapes:
    """Return the things in a label file; what is background needs no shape."""
    found, wrong = read_outlines(path)
    shapes: list[Shape] = []
    for one in found:
        known = label(one.class_id)
        if known is None:
            wrong.append(f"line {one.line} of {path.name}: unknown id {one.class_id}")
        elif known:
            shapes.append(Shape(known, (one.points.astype(np.float32),)))
    return Shapes(tuple(shapes), tuple(f"{problem}; ignored" for problem in wrong))


def _labeler(folder: Path, options: DataOptions) -> Labeler:
    names, mapped = options.names or _names_beside(folder), LabelMap(options)
    return partial(_label, names, mapped)


def _label(names: Sequence[str], mapped: LabelMap, key: int) -> int | None:
    nameless = "" if names else None
    return mapped.label(key, names[key] if key < len(names) else nameless)


def _names_beside(folder: Path) -> tuple[str, ...]:
    """Return the names in a data.yaml in the folder or above it; () where there is none.

    Raises:
        ConfigError: its names are neither a list nor numbered from 0.
    """
    places = [place / name for place in (folder, *folder.parents[:3]) for name in YAMLS]
    found = next((path for path in places if path.is_file()), None)
    return names_in(found) if found else ()
