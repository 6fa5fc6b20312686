"""Data sets of polygons: a text file for each image (YOLO), or one .json file (COCO)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.wording import format_count, join_names
from rimlight.lab.evaluation.files import describe_content, find_sides, list_files_ending_in
from rimlight.lab.evaluation.yolo_polygons import read_outlines
from rimlight.lab.training.data.folders import Found, index_images
from rimlight.lab.training.data.label_map import LabelMap
from rimlight.lab.training.data.options import IGNORED, DataOptions
from rimlight.lab.training.data.samples import Sample, Shape, Shapes
from rimlight.lab.training.data.splits import YAMLS, read_names

Labeler = Callable[[int], int | None]


def find_yolo_samples(folder: Path, options: DataOptions) -> Found:
    """Return the images of `folder` with a file of polygons; an empty one is background.

    Raises:
        ConfigError: a folder is missing or empty, or the classes lead nowhere.
    """
    pictures, labels = find_sides(folder, "labels")
    images = index_images(pictures)
    texts = {path.stem: path for path in list_files_ending_in(labels or pictures, ".txt")}
    if not images.keys() & texts.keys():
        first = next(iter(images))
        raise ConfigError(
            f"{labels or pictures} holds no labels of {images[first].name}: expected {first}.txt, "
            f"found {describe_content(labels or pictures)}",
            hint="every images/NAME.jpg needs a labels/NAME.txt",
        )
    both, label = sorted(images.keys() & texts.keys()), _make_labeler(folder, options)
    lonely = [f"{folder}: {images[n].name} has no labels" for n in sorted(images.keys() - texts)]
    lonely += [f"{folder}: {texts[n].name} has no picture" for n in sorted(texts.keys() - images)]
    prefix = folder.resolve().name
    samples = [Sample(f"{prefix}/{n}", images[n], _read_yolo_shapes(texts[n], label)) for n in both]
    return Found(tuple(samples), tuple(lonely))


def _read_yolo_shapes(path: Path, label: Labeler) -> Shapes:
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


def _make_labeler(folder: Path, options: DataOptions) -> Labeler:
    names, mapped = options.names or _read_names(folder), LabelMap(options)
    return partial(_find_label, names, mapped)


def _find_label(names: Sequence[str], mapped: LabelMap, key: int) -> int | None:
    nameless = "" if names else None
    return mapped.label(key, names[key] if key < len(names) else nameless)


def _read_names(folder: Path) -> tuple[str, ...]:
    """Return the names in a data.yaml in the folder or above it; () where there is none.

    Raises:
        ConfigError: its names are neither a list nor numbered from 0.
    """
    places = [place / name for place in (folder, *folder.parents[:3]) for name in YAMLS]
    found = next((path for path in places if path.is_file()), None)
    return read_names(found) if found else ()


_FORM = "it must hold images, annotations and categories"
_PLACES = ("", "images", "../images", "..")  # of pictures, seen from the .json file


def is_coco(path: Path) -> bool:
    """Say whether `path` is such a file, or a folder that holds just one."""
    return path.suffix.lower() == ".json" or (path.is_dir() and len(_list_files(path)) == 1)


def find_coco_samples(path: Path, options: DataOptions) -> Found:
    """Return the pictures that a .json file lists; one without annotations is background.

    Raises:
        ConfigError: it cannot be read or is something else, or the classes lead nowhere.
    """
    file = path if path.suffix.lower() == ".json" else _find_only_file(path)
    data = _read(file)
    try:
        names = {int(each["id"]): str(each["name"]) for each in data["categories"]}
        annotations = defaultdict(list)
        for each in data["annotations"]:
            annotations[each["image_id"]].append(each)
        return _find_listed(file, data["images"], annotations, names, LabelMap(options))
    except (KeyError, TypeError, ValueError) as exc:
        raise ConfigError(
            f"{file} is not in COCO's form: {type(exc).__name__} {exc}", hint=_FORM
        ) from exc


def _find_listed(
    file: Path,
    images: Sequence[Mapping[str, Any]],
    annotations: Mapping[Any, Sequence[Mapping[str, Any]]],
    names: Mapping[int, str],
    mapped: LabelMap,
) -> Found:
    samples: list[Sample] = []
    lonely: list[str] = []
    for image in images:
        named = str(image["file_name"])
        picture = _find_image(file, named)
        if picture is None:
            lonely.append(
                f"{file}: {named} is missing; next to it lies {describe_content(file.parent)}"
            )
            continue
        size = (int(image["width"]), int(image["height"]))
        shapes = _read_coco_shapes(annotations.get(image["id"], ()), size, names, mapped)
        name = Path(str(image["file_name"]).replace("\\", "/")).with_suffix("").as_posix()
        samples.append(Sample(f"{file.stem}/{name}", picture, shapes))
    return Found(tuple(samples), tuple(lonely))


def _read_coco_shapes(
    annotations: Sequence[Mapping[str, Any]],
    size: tuple[int, int],
    names: Mapping[int, str],
    mapped: LabelMap,
) -> Shapes:
    shapes: list[Shape] = []
    wrong: list[str] = []
    for each in annotations:
        key = int(each["category_id"])
        label = mapped.label(key, names.get(key, ""))
        if label is None:
            wrong.append(f"unknown class {names.get(key, key)!r} is taken as background")
        elif label:  # a crowd is drawn roughly: not to be learnt from
            kept = IGNORED if each.get("iscrowd") else label
            if rings := _read_rings(each.get("segmentation"), size):
                shapes.append(Shape(kept, rings))
            else:
                wrong.append(f"annotation {each.get('id')} has no outline; ignored")
    return Shapes(tuple(shapes), tuple(dict.fromkeys(wrong)), size)


def _read_rings(segmentation: Any, size: tuple[int, int]) -> tuple[NDArray[np.float32], ...]:
    """Return outlines as shares of the picture; of a run-length mask the outer ones.

    () for what is no outline, such as the missing one of an object that has a box only.
    """
    sides = np.array(size, np.float32)
    try:
        if isinstance(segmentation, list):
            polygons = [
                np.array(flat, np.float32).reshape(-1, 2) for flat in _read_lists(segmentation)
            ]
            known = [polygon for polygon in polygons if np.isfinite(polygon).all()]
            return tuple(polygon / sides for polygon in known if len(polygon) > 2)
        mask = decode_run_lengths(segmentation["counts"], segmentation["size"])
    except (KeyError, TypeError, ValueError):
        return ()
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    centers = [contour.reshape(-1, 2).astype(np.float32) + 0.5 for contour in contours]
    return tuple(ring / sides for ring in centers)


def _read_lists(segmentation: list[Any]) -> list[Any]:
    """Return a list of outlines, also of a single one in a flat list or as a list of points."""
    if all(isinstance(value, int | float) for value in segmentation):
        return [segmentation] if segmentation else []
    is_points = len(segmentation) > 2 and all(
        isinstance(point, list) and len(point) == 2 for point in segmentation
    )
    return [np.ravel(segmentation)] if is_points else segmentation


def decode_run_lengths(counts: str | Sequence[int], shape: Sequence[int]) -> NDArray[np.uint8]:
    """Decode run lengths of zeros and ones, column by column, to uint8 (h, w).

    As pycocotools does, which a test compares; training needs no compiled extension for it.

    Args:
        counts: the lengths, or COCO's text form of them.
        shape: (height, width).

    Raises:
        ValueError: the lengths do not fill the mask.
    """
    lengths = _decode_lengths(counts) if isinstance(counts, str) else list(counts)
    values = np.arange(len(lengths)) % 2
    flat = np.repeat(values, lengths).astype(np.uint8)
    return np.ascontiguousarray(flat.reshape(shape[1], shape[0]).T)


def _decode_lengths(text: str) -> list[int]:
    """Read COCO's text form (pycocotools' maskApi).

    A number is 5 bits a character, the lowest first, from "0" on; 32 says that more follow, and
    the top bit of the last gives the sign. From the fourth on, numbers are the difference from
    the last but one.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            signed = value - (1 << shift) if bits & 16 else value
            lengths.append(signed + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths


def _find_image(file: Path, name: str) -> Path | None:
    """Return where a picture lies that a .json file names, by whatever system it was written."""
    name = name.replace("\\", "/")
    part = file.stem.rpartition("_")[2]  # instances_train2017.json: train2017/
    places = (*_PLACES, f"../{part}", f"../images/{part}", f"images/{part}", part)
    names = (name, name.rpartition("/")[2])
    candidates = [file.parent / place / each for each in names for place in places]
    return next((path for path in candidates if path.is_file()), None)


def _list_files(folder: Path) -> list[Path]:
    below = folder / "annotations"
    return list_files_ending_in(folder, ".json") or (
        list_files_ending_in(below, ".json") if below.is_dir() else []
    )


def _find_only_file(folder: Path) -> Path:
    files = _list_files(folder)
    if len(files) != 1:
        raise ConfigError(
            f"{folder} holds {format_count(len(files), '.json file')}: "
            f"{join_names([file.name for file in files]) or describe_content(folder)}",
            hint="name the one to train on",
        )
    return files[0]


def _read(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read {file}: {exc.strerror}", hint="check the path") from exc
    except ValueError as exc:
        raise ConfigError(f"{file} is not JSON: {exc}", hint=_FORM) from exc
    if not isinstance(data, dict):
        raise ConfigError(f"{file} is not in COCO's form", hint=_FORM)
    return cast(dict[str, Any], data)
