"""Prints mask mAP@0.5 (and mAP@0.5:0.95) on coco128, ours and a plain decode of the same tensors.

By the rules of `rimlight eval`, and by the usual ones: one class for each box, scores unweighed,
masks cut exactly at the box.

    python tests/bench/instance_map.py [DATA] [MODEL]

DATA is a folder of images/ and labels/ (YOLO polygons), by default data/coco128 of the shared
folder; MODEL is a name or a card. Needs pycocotools.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "segmenters"))

import numpy as np
from coco import enlarged, plain_decode, truths
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rimlight.core.frame import Frame
from rimlight.imaging.geometry import letterbox
from rimlight.models.catalog import Catalog
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.tflite import TfliteRuntime
from rimlight.segmenters.yolo import DetectionLimits, decode
from rimlight.system import app_paths

CONFIDENCE, OVERLAP, COUNT = 0.01, 0.5, 100


def main(folder: Path, model: str) -> None:
    card, file = Catalog().resolve(model)
    engine = TfliteRuntime(file, size=card.input.size, threads=2)
    maker = Preprocessor(card.input, engine.input)
    bare = {"margin_px": 0, "margin_share": 0}
    no_margin = card.model_copy(update={"output": card.output.model_copy(update=bare)})
    evaluated = {"multi_label": True, "mask_rescoring": True}
    settings = {
        "as evaluated": (card, DetectionLimits(CONFIDENCE, OVERLAP, COUNT, **evaluated)),
        "usual": (no_margin, DetectionLimits(CONFIDENCE, OVERLAP, COUNT)),
    }
    plain = {
        "as evaluated, plain decode": {
            "margin": card.output.margin_px,
            "share": card.output.margin_share,
            **evaluated,
        },
        "usual, plain decode": {},
    }
    images, annotations, times = [], [], []
    results = {name: [] for name in (*settings, *plain)}
    for number, (_, picture, objects) in enumerate(truths(folder), 1):
        height, width = picture.shape[:2]
        images.append({"id": number, "height": height, "width": width})
        for class_id, polygon in objects:
            annotations.append(truth(len(annotations) + 1, number, class_id, polygon, picture))
        frame = Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0.0)
        candidates = engine.run(maker.to_tensor(frame), 0)[0].copy()
        prototypes = engine.read_output(1)[0].copy()
        place = letterbox(frame.size, card.input.size)
        for name, (used, limits) in settings.items():
            found = decode(candidates, prototypes, card=used, place=place, limits=limits)
            for item in found:
                mask = enlarged(item, found.shape, picture)
                class_id = card.classes.index(item.name)
                results[name].append(result(number, class_id, item.score, mask))
        for name, rules in plain.items():
            for class_id, score, mask in plain_decode(
                candidates, prototypes, picture=picture, place=place,
                confidence=CONFIDENCE, iou_threshold=OVERLAP, max_objects=COUNT, **rules,
            ):  # fmt: skip
                results[name].append(result(number, class_id, score, mask))
        usual = DetectionLimits(0.25, OVERLAP, COUNT)
        start = time.process_time()
        decode(candidates, prototypes, card=card, place=place, limits=usual)
        times.append(time.process_time() - start)
    truth_set = coco(images, annotations, len(card.classes))
    for name, made in results.items():
        both = figures(truth_set, made)
        print(f"{name}: mask mAP@0.5 {both[1]:.4f}, mAP@0.5:0.95 {both[0]:.4f}")
    print(
        f"decode at confidence 0.25: median {np.median(times) * 1e3:.2f} ms of CPU time, "
        f"{len(times)} pictures"
    )


def truth(identity, image, class_id, polygon, picture):
    encoded = rle.merge(rle.frPyObjects([polygon.reshape(-1).tolist()], *picture.shape[:2]))
    area = float(rle.area(encoded))
    box = rle.toBbox(encoded).tolist()
    return {
        "id": identity, "image_id": image, "category_id": class_id, "segmentation": encoded,
        "area": area, "bbox": box, "iscrowd": 0,
    }  # fmt: skip


def result(image, class_id, score, mask):
    encoded = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"image_id": image, "category_id": class_id, "score": score, "segmentation": encoded}


def coco(images, annotations, classes):
    data = COCO()
    categories = [{"id": n, "name": str(n)} for n in range(classes)]
    data.dataset = {
        "images": images,
        "annotations": annotations,
        "categories": categories,
        "info": {},
    }
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
    return data


def figures(truth_set, results):
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(truth_set, truth_set.loadRes(results), "segm")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats


if __name__ == "__main__":
    shared = app_paths.find_shared_folder()
    default = shared / "data" / "coco128" if shared else Path()
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default, *(sys.argv[2:] or ["yolov8n-seg"]))
