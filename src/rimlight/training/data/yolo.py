"""Pictures with outlines as YOLO writes them: images/NAME.jpg with labels/NAME.txt.

A line is a class id and the points of one thing as shares of the picture's width and height. A
line of four numbers is a box, which is no outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.config import read_yaml
from rimlight.errors import ConfigError
from rimlight.training.data.folders import Found, pictures_by_name
from rimlight.training.data.mapping import LabelMap
from rimlight.training.data.options import DataOptions
from rimlight.training.data.samples import Sample, Shape, Shapes

_NAMES = ("data.yaml", "dataset.yaml")


def is_yolo(path: Path) -> bool:
    """Say whether a folder is laid out so."""
    return (path / "images").is_dir() and (path / "labels").is_dir()


def yolo_samples(folder: Path, options: DataOptions) -> Found:
    """Return the pictures of `folder` that have a file of outlines; an empty file is background.

    Raises:
        ConfigError: a folder is missing or empty, or the classes lead nowhere.
    """
    images = pictures_by_name(folder / "images")
    texts = {path.stem: path for path in sorted((folder / "labels").glob("*.txt"))}
    both, label = sorted(images.keys() & texts.keys()), _labeller(folder, options)
    lonely = [f"{folder}: {images[n].name} has no labels" for n in sorted(images.keys() - texts)]
    lonely += [f"{folder}: {texts[n].name} has no picture" for n in sorted(texts.keys() - images)]
    prefix = folder.resolve().name
    samples = [Sample(f"{prefix}/{n}", images[n], read_outlines(texts[n], label)) for n in both]
    return Found(tuple(samples), tuple(lonely))


def read_outlines(path: Path, label: Any) -> Shapes:
    """Return the things in a label file.

    Args:
        path: the file.
        label: from a class id to a label, None where it is unknown.
    """
    shapes: list[Shape] = []
    wrong: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        return Shapes((), (f"cannot read {path.name}: {exc}",))
    for number, line in enumerate(lines, 1):
        try:
            shapes += _shape(line.split(), label)
        except ValueError as exc:
            wrong.append(f"line {number} of {path.name} is ignored: {exc}")
    return Shapes(tuple(shapes), tuple(wrong))


def _shape(words: Sequence[str], label: Any) -> list[Shape]:
    """Return the thing of one line, nothing where it is background."""
    if not words:
        return []
    known = label(int(words[0]))
    if known is None:
        raise ValueError(f"unknown id {words[0]}")
    points = np.array(words[1:], np.float32)
    if points.size == 4:
        raise ValueError("it is a box, not an outline")
    if points.size < 6 or points.size % 2:
        raise ValueError(f"{points.size} numbers are no outline")
    return [Shape(known, (points.reshape(-1, 2),))] if known else []


def _labeller(folder: Path, options: DataOptions) -> Any:
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
    places = [place / name for place in (folder, folder.parent) for name in _NAMES]
    found = next((path for path in places if path.is_file()), None)
    names = read_yaml(found).get("names", ()) if found else ()
    if isinstance(names, dict):
        names = [names.get(n) for n in range(len(names))]
    if not isinstance(names, list | tuple) or None in names:
        raise ConfigError(f"{found}: names must be a list, or numbered from 0 on")
    return tuple(map(str, names))
