"""How well single objects are found: mask mAP, as the COCO benchmark has it."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError, MissingDependencyError
from rimlight.core.frame import Frame, Instances
from rimlight.imaging.image_files.read import read_image
from rimlight.lab.evaluation.files import describe_content, list_images
from rimlight.lab.evaluation.results import Result
from rimlight.lab.evaluation.setups import Setup, SetupConfig
from rimlight.lab.evaluation.yolo_polygons import read_outlines
from rimlight.models.catalog import Catalog

RULES = {"confidence": 0.01, "multi_label": True, "mask_rescoring": True, "max_objects": 100}
"""How objects are taken where they are measured: nearly all, each for every class it may be of,
ranked by what box and mask say together. Options of a set-up go before these."""


@dataclass(frozen=True)
class Labeled:
    """A picture and its true objects: (class number, polygon float64 (n, 2) in pixels)."""

    frame: Frame
    objects: tuple[tuple[int, NDArray[np.float64]], ...]


class ObjectDataset:
    """`images/NAME.jpg` with `labels/NAME.txt`: a class number and a polygon a line.

    That is the form of YOLO-seg data sets. A picture without a file of labels shows no objects.

    Raises:
        ConfigError: there are no pictures.
    """

    def __init__(self, folder: Path, *, limit: int | None = None) -> None:
        images = folder / "images"
        pictures = list_images(images)
        if not pictures:
            raise ConfigError(
                f"{images} holds no pictures: there is {describe_content(images)}",
                hint="name a folder with images/NAME.jpg and labels/NAME.txt",
            )
        self._folder, self._pictures = folder, pictures[:limit]
        self.name = "/".join(folder.resolve().parts[-2:])
        self.count = len(self._pictures)

    def __iter__(self) -> Iterator[Labeled]:
        """Yield the pictures in order.

        Raises:
            ConfigError: a line of labels is none.
        """
        for index, path in enumerate(self._pictures):
            picture = read_image(path)[0]
            frame = Frame.from_bgr(
                picture,
                index=index,
                pts=Fraction(index),
                captured_at=time.monotonic(),
                name=path.name,
            )
            yield Labeled(
                frame, _read_objects(self._folder / "labels" / f"{path.stem}.txt", frame.size)
            )


def apply_rules(config: SetupConfig) -> SetupConfig:
    """Return a set-up that takes objects by `RULES`.

    Raises:
        ConfigError: its model knows no single objects.
    """
    options = config.segmenter.given
    card, _ = Catalog(options.get("models_dir")).resolve(str(options.get("model", "")))
    if card.output.kind != "instances":
        raise ConfigError(
            f"model {card.name!r} knows no single objects", hint="--setup objects=yolov8n-seg"
        )
    segmenter = config.segmenter.model_validate({"kind": config.segmenter.kind, **RULES, **options})
    return config.model_copy(update={"segmenter": segmenter})


def evaluate_objects(data: ObjectDataset, setups: Sequence[Setup]) -> list[Result]:
    """Return the figures of each setup, whose classes are numbered like the labels.

    Raises:
        MissingDependencyError: pycocotools is not installed.
    """
    judges = [_ObjectScorer(setup, data.name) for setup in setups]
    for number, sample in enumerate(data, 1):
        for judge in judges:
            judge.add(number, sample)
    return [judge.get_result() for judge in judges]


class _ObjectScorer:
    """Collects the truth and one set-up's finds in the terms of pycocotools."""

    def __init__(self, setup: Setup, data: str) -> None:
        self._setup, self._data, self._tools = setup, data, _load_tools()
        self._images: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []
        self._ms: list[float] = []
        self._classes = 0

    def add(self, number: int, sample: Labeled) -> None:
        """Find the objects of a picture."""
        width, height = sample.frame.size
        self._images.append({"id": number, "width": width, "height": height})
        self._truth += [self._encode_truth(number, one, (height, width)) for one in sample.objects]
        start = time.monotonic()
        mask = self._setup.segmenter.segment(sample.frame)
        for _, refiner in self._setup.refiners:
            mask = refiner.refine(mask, sample.frame)
        self._ms.append((time.monotonic() - start) * 1000)
        if mask.instances is not None:
            self._classes = len(mask.instances.classes)
            self._found += self._encode_found(number, mask.instances, sample.frame.size)

    def get_result(self) -> Result:
        """Return the figures up to now."""
        figures: dict[str, float | None] = {
            "pictures": float(len(self._images)),
            "objects": float(len(self._truth)),
            "map50": None,
            "map": None,
            "ms": statistics.median(self._ms),
        }
        if self._found:
            stats = self._score()
            figures |= {"map50": float(stats[1]), "map": float(stats[0])}
        elif self._truth:
            figures |= {"map50": 0.0, "map": 0.0}
        stages = {"segment": statistics.median(self._ms)}
        return Result(self._setup.name, self._data, figures, stages, ())

    def _score(self) -> Any:
        _, coco, judge = self._tools
        truth = coco()
        categories = [{"id": number, "name": str(number)} for number in range(self._classes)]
        truth.dataset = {
            "info": {},
            "images": self._images,
            "annotations": [{**one, "id": n} for n, one in enumerate(self._truth, 1)],
            "categories": categories,
        }
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
            truth.createIndex()
            run = judge(truth, truth.loadRes(self._found), "segm")
            run.evaluate()
            run.accumulate()
            run.summarize()
        return run.stats

    def _encode_truth(
        self, number: int, one: tuple[int, NDArray[np.float64]], shape: tuple[int, int]
    ) -> dict[str, Any]:
        rle = self._tools[0]
        class_id, polygon = one
        coded = rle.merge(rle.frPyObjects([polygon.reshape(-1).tolist()], *shape))
        return {
            "image_id": number,
            "category_id": class_id,
            "segmentation": coded,
            "area": float(rle.area(coded)),
            "bbox": rle.toBbox(coded).tolist(),
            "iscrowd": 0,
        }

    def _encode_found(
        self, number: int, found: Instances, size: tuple[int, int]
    ) -> Iterator[dict[str, Any]]:
        for class_id, item in zip(found.class_ids.tolist(), found, strict=True):
            whole = np.zeros(found.shape, np.uint8)
            left, top, right, bottom = item.mask_box
            whole[top:bottom, left:right] = item.mask
            mask = cv2.resize(whole, size) > 127
            coded = self._tools[0].encode(np.asfortranarray(mask.astype(np.uint8)))
            score = {"image_id": number, "category_id": class_id, "score": item.score}
            yield {**score, "segmentation": coded}


def _load_tools() -> tuple[Any, Any, Any]:
    try:
        from pycocotools import mask
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ModuleNotFoundError as exc:
        raise MissingDependencyError(
            "single objects are judged by pycocotools, which is not installed",
            hint="pip install 'rimlight[eval]'",
        ) from exc
    return mask, COCO, COCOeval


def _read_objects(path: Path, size: tuple[int, int]) -> tuple[tuple[int, NDArray[np.float64]], ...]:
    if not path.is_file():
        return ()
    found, wrong = read_outlines(path)
    if wrong:
        raise ConfigError(
            f"{path.parent}: {wrong[0]}", hint="a line must be: class x1 y1 x2 y2 x3 y3 ..."
        )
    return tuple((one.class_id, one.points * size) for one in found)
