"""How a data set is split into a part to train on and a part to validate on.

By its folders: train/ and val/ (or valid/, as Roboflow has it), images/train and images/val
(Ultralytics), a data.yaml that names both, or two .json files (COCO). Else by a hash of the names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.core.config import read_yaml
from rimlight.core.errors import ConfigError
from rimlight.lab.evaluation.files import describe_content, list_files_ending_in, list_folders
from rimlight.lab.training.data.samples import Sample

YAMLS = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
_VALIDATION = ("val", "valid", "validation")


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a data set.

    Attributes:
        train: paths to train on.
        validation: paths to validate on; () where the data set is not split.
        names: of its ids from 0 on, as its .yaml file says; () where it does not.
    """

    train: tuple[Path, ...]
    validation: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()


def split_of(path: Path) -> Split:
    """Return the parts of the data set that `path` is, or the path itself if it is not split.

    Raises:
        ConfigError: a .yaml file leads nowhere, or cannot be read.
    """
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return _split_by_yaml(path)
    for folder in (path, path / "images"):
        if found := _split_by_folders(folder):
            return found
    if found := _split_by_json(path):
        return found
    file = next((path / name for name in YAMLS if (path / name).is_file()), None)
    if file and {"train", "val"} <= read_yaml(file).keys() and not (path / "images").is_dir():
        return _split_by_yaml(file)
    return Split((path,))


def read_names(file: Path) -> tuple[str, ...]:
    """Return what a .yaml file calls the ids from 0 on.

    Raises:
        ConfigError: its names are neither a list nor numbered from 0.
    """
    names = read_yaml(file).get("names", ())
    if isinstance(names, dict):
        names = [names.get(n) for n in range(len(names))]
    if not isinstance(names, list | tuple) or None in names:
        raise ConfigError(
            f"{file}: names must be a list, or numbered from 0 on", hint="names: [cat, dog]"
        )
    return tuple(map(str, names))


def _split_by_folders(folder: Path) -> Split | None:
    if not folder.is_dir():
        return None
    inside = {entry.name.lower(): entry for entry in list_folders(folder)}
    kept = next((inside[name] for name in _VALIDATION if name in inside), None)
    return Split((inside["train"],), (kept,)) if "train" in inside and kept else None


def _split_by_json(folder: Path) -> Split | None:
    """Return two .json files of which the names tell what they are for, as COCO's do."""
    if not folder.is_dir():
        return None
    here = folder / "annotations" if (folder / "annotations").is_dir() else folder
    files = list_files_ending_in(here, ".json")
    outlines = [file for file in files if file.stem.startswith("instances")] or files
    train = [file for file in outlines if "train" in file.stem.lower()]
    kept = [file for file in outlines if "val" in file.stem.lower()]
    return Split(tuple(train), tuple(kept)) if len(train) == len(kept) == 1 else None


def _split_by_yaml(file: Path) -> Split:
    said = read_yaml(file)
    parts = [_list_places(file, said, said.get(key)) for key in ("train", "val")]
    if parts[0]:
        return Split(parts[0], parts[1], read_names(file))
    if found := _split_by_folders(file.parent) or _split_by_folders(file.parent / "images"):
        return Split(found.train, found.validation, read_names(file))
    raise ConfigError(
        f"{file} names no folder that is there: train: {said.get('train')!r}, next to it lies "
        f"{describe_content(file.parent)}",
        hint="correct its path and train, or name the folder instead of the file",
    )


def _list_places(file: Path, said: Mapping[str, Any], value: Any) -> tuple[Path, ...]:
    """Return the folders that an entry names, as far as they are there.

    They are seen from the entry "path", or else from the file. Roboflow names them from a folder
    that is not there, so "../" at the front may be one too many.
    """
    texts: Sequence[Any] = value if isinstance(value, list) else [value]
    root = file.parent / str(said.get("path") or "").replace("\\", "/")
    found = []
    for text in (str(text).replace("\\", "/") for text in texts if text):
        bare = text
        while bare.startswith("../"):
            bare = bare.removeprefix("../")
        places = (place / name for name in (text, bare) for place in (root, file.parent))
        found += [place for place in places if place.is_dir()][:1]
    return tuple(found)


def split(samples: Sequence[Sample], share: float) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Return what to train on and what to keep back, each sorted by name.

    Args:
        samples: of any order.
        share: of them is kept back, on average; at least one unless 0, and never the last one.
    """
    ranked = sorted(samples, key=lambda sample: _rank_by_hash(sample.name))
    count = sum(_rank_by_hash(sample.name) < share for sample in ranked)
    count = min(max(count, 1), len(ranked) - 1) if share else 0
    return sort_by_name(ranked[count:]), sort_by_name(ranked[:count])


def _rank_by_hash(name: str) -> float:
    """Return a number in 0..1 that only the name decides."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:7], "big") / 256**7


def sort_by_name(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.name))


def measure_class_shares(
    train: tuple[Sample, ...], kept: tuple[Sample, ...], classes: int
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Let a sample of each class that only one part shows change places, if there are others."""
    parts = [list(train), list(kept)]
    for label in range(classes):
        for few, many in (parts, parts[::-1]):
            showing = sorted(
                (s for s in many if label in s.shown), key=lambda s: _rank_by_hash(s.name)
            )
            if len(showing) > 1 and not any(label in sample.shown for sample in few):
                many.remove(showing[0])
                few.append(showing[0])
    return sort_by_name(parts[0]), sort_by_name(parts[1])
