"""Finds the pictures and masks of a data set, says what is wrong with them, and splits them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from rimlight.errors import ConfigError
from rimlight.evaluation.outlines import is_outlined
from rimlight.training.data.coco import coco_samples, is_coco
from rimlight.training.data.folders import Found, folder_samples
from rimlight.training.data.options import DataOptions
from rimlight.training.data.samples import Sample, Samples, read_image
from rimlight.training.data.yolo import yolo_samples

_FINDERS: Mapping[str, Callable[[Path, DataOptions], Found]] = MappingProxyType(
    {
        "folders": folder_samples,
        "camvid": partial(folder_samples, camvid=True),
        "yolo": yolo_samples,
        "coco": coco_samples,
    }
)
_SHOWN = 5


def find_samples(options: DataOptions) -> Samples:
    """Return the pictures of a data set with their labels, split and checked.

    A path that holds `train` and `val` is split by them; of all others a share is kept back,
    chosen by a hash of the name: the same pictures on every machine, whatever is added later.

    Raises:
        ConfigError: a path is no data set, the classes lead nowhere, or no sample is usable.
    """
    train_paths, validation_paths = _parts(options)
    train, wrong = _usable(train_paths, options)
    kept, also_wrong = _usable(validation_paths, options)
    _refuse_if_empty(train, options.paths, wrong)
    if validation_paths:
        _refuse_if_empty(kept, validation_paths, also_wrong)
    else:
        train, kept = split(train, options.validation)
    return Samples(train, kept, (*wrong, *also_wrong))


def split(samples: Sequence[Sample], share: float) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Return what to train on and what to keep back, each sorted by name.

    Args:
        samples: of any order.
        share: of them is kept back, on average; at least one unless 0, and never the last one.
    """
    ranked = sorted(samples, key=lambda sample: _place(sample.name))
    count = sum(_place(sample.name) < share for sample in ranked)
    if share and len(ranked) > 1:
        count = min(max(count, 1), len(ranked) - 1)
    return _by_name(ranked[count:]), _by_name(ranked[:count])


def _place(name: str) -> float:
    """Return a number in 0..1 that only the name decides."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:7], "big") / 256**7


def _by_name(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.name))


def _parts(options: DataOptions) -> tuple[list[Path], list[Path]]:
    """Return the folders to train on, and those to validate on, empty where a share is kept."""
    train: list[Path] = []
    kept = list(options.validation_paths)
    for path in options.paths:
        is_split = (path / "train").is_dir() and (path / "val").is_dir()
        train.append(path / "train" if is_split else path)
        if is_split and not options.validation_paths:
            kept.append(path / "val")
    if kept and len(kept) < len(train) and not options.validation_paths:
        raise ConfigError(
            "some paths hold train and val, others do not",
            hint="name what to validate on in validation_paths",
        )
    return train, kept


def _usable(paths: Sequence[Path], options: DataOptions) -> tuple[tuple[Sample, ...], list[str]]:
    samples: list[Sample] = []
    wrong: list[str] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"there is no folder {path}", hint="check the path and its spelling")
        found = _FINDERS[_format(path, options)](path, options)
        wrong += found.problems
        for sample in found.samples:
            problems, is_usable = _look_into(sample) if options.check else ([], True)
            wrong += problems
            samples += [sample] * is_usable
    return _by_name(samples), wrong


def _look_into(sample: Sample) -> tuple[list[str], bool]:
    """Return what is wrong with a sample, and whether it can be used all the same."""
    try:
        image = read_image(sample.picture)
        found = sample.mask.problems((image.shape[1], image.shape[0]))
    except ConfigError as exc:
        return [f"{sample.name}: {exc}; left out"], False
    return [f"{sample.name}: {problem}" for problem in found], True


def _format(path: Path, options: DataOptions) -> str:
    if options.format != "auto":
        return options.format
    if (path / "masks").is_dir():
        return "folders"
    if is_outlined(path):
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
        hint="every images/NAME.jpg needs a masks/NAME_mask.png of its size, or a labels/NAME.txt",
    )
