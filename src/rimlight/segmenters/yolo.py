"""Instance segmentation with boxes and mask prototypes, as in YOLO-seg exports.

The tensors are those of YOLACT (Bolya et al., ICCV 2019): a mask is the sigmoid of a linear
combination of prototypes with an object's coefficients, cropped to its box.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.model_card import ModelCard, check_runnable
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.instance_masks import (
    PrototypeMaskDecoder,
    boxes_from_masks,
    mask_nms,
    rescore_by_mask,
)
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import TensorInfo, ThreadOptions, make_mismatch_error
from rimlight.segmenters.tflite import TfliteRuntime

Floats = NDArray[np.float32]

BOX_IOU_THRESHOLD = 0.7
"""IoU of the box NMS before masks are decoded; mask NMS decides the rest."""

_MASKS_PER_OBJECT = 3
"""Maximum number of decoded masks per requested object."""


class InstanceSegmenter:
    """Detects objects with a .tflite model of two outputs, float or quantized.

    The candidates are (1, 4 + classes + k, n): box center and size, class scores after the
    sigmoid, k mask coefficients. The prototypes are (1, h, w, k).

    Args:
        card: how to feed the file, and its classes.
        file: the .tflite file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ThreadOptions):
        """Detection limits and runtime."""

        confidence: Annotated[float, Field(gt=0, lt=1, description="minimum score")] = 0.25
        iou_threshold: Annotated[
            float,
            Field(gt=0, le=1, description="mask IoU of duplicates within a class"),
        ] = 0.5
        max_objects: Annotated[
            int, Field(ge=1, le=1000, description="maximum number of objects per frame")
        ] = 100
        multi_label: Annotated[
            bool, Field(description="an object may have several classes, as in benchmarks")
        ] = False
        mask_rescoring: Annotated[
            bool, Field(description="multiply scores by the agreement of box and mask")
        ] = False

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        self.card = card
        self._limits = DetectionLimits(
            options.confidence,
            options.iou_threshold,
            options.max_objects,
            multi_label=options.multi_label,
            mask_rescoring=options.mask_rescoring,
        )
        engine = TfliteRuntime(file, size=card.input.fixed_size, threads=options.threads)
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            self._at = _find_outputs(card, file, engine)
            self._input = Preprocessor(card.input, engine.input, engine.input_buffer)
            on_error.pop_all()
        self._engine = engine
        self._closed = False

    def detect(self, frame: Frame) -> Instances:
        """Return the objects of `frame` by descending score.

        Raises:
            ValueError: the segmenter is closed.
        """
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        first, second = self._at
        candidates = self._engine.run(self._input.to_tensor(frame), first)
        place = self._input.locate_frame(frame.size)
        return decode(
            _dequantize(candidates[0], self._engine.outputs[first]),
            _dequantize(self._engine.read_output(second)[0], self._engine.outputs[second]),
            card=self.card,
            place=place,
            limits=self._limits,
        )

    def segment(self, frame: Frame) -> Mask:
        """Return the objects of `frame` as a mask that covers all of it."""
        return Mask.from_instances(
            self.detect(frame), foreground=self.card.foreground, alpha_range=self.card.alpha_range
        )

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()


@dataclass(frozen=True, slots=True)
class DetectionLimits:
    """Limits that select objects from candidates.

    Attributes:
        confidence: minimum score.
        iou_threshold: of two masks of a class with a higher IoU, the one of higher score is kept.
        max_objects: maximum number of objects.
        multi_label: use a candidate for each class above `confidence`, as in benchmarks; else only
            for its best one.
        mask_rescoring: multiply scores by the quality of the masks, after `confidence` is applied.
    """

    confidence: float
    iou_threshold: float
    max_objects: int
    multi_label: bool = False
    mask_rescoring: bool = False


def decode(
    candidates: Floats, prototypes: Floats, *, card: ModelCard, place: Rect, limits: DetectionLimits
) -> Instances:
    """Decode the objects of one frame.

    Args:
        candidates: float32 (4 + classes + k, n): box center x, y, width, height; scores in 0..1;
            mask coefficients.
        prototypes: float32 (h, w, k), covering the input.
        card: for the classes, the input's size, and the unit of the boxes.
        place: where the frame lies in the input, in whole pixels.
        limits: which candidates count.

    Returns:
        Objects whose masks have the resolution of the frame in the input.
    """
    corners, class_ids, scores, coefficients = _select_candidates(candidates, card, limits)
    painter = PrototypeMaskDecoder(prototypes, card, place)
    painted = [
        painter.decode(own, corner) for own, corner in zip(coefficients, corners, strict=True)
    ]
    seen = [number for number, one in enumerate(painted) if one is not None]
    shown = [one for one in painted if one is not None]
    left, top, width, height = place.left, place.top, place.width, place.height
    boxes = (corners[seen] - (left, top, left, top)) / (width, height, width, height)
    found = Instances(
        boxes.clip(0, 1).astype(np.float32),
        class_ids[seen],
        scores[seen],
        tuple(window for window, _ in shown),
        tuple(mask for _, mask in shown),
        (int(height), int(width)),
        card.classes,
    )
    found = rescore_by_mask(found) if limits.mask_rescoring else found
    found = boxes_from_masks(found) if card.output.has_margin else found
    return mask_nms(found, iou_threshold=limits.iou_threshold, max_objects=limits.max_objects)


def _dequantize(values: NDArray[Any], info: TensorInfo) -> NDArray[Any]:
    """Return a quantized output as float32 real values; a float output unchanged."""
    if not info.scale:
        return values
    return (values.astype("float32") - info.zero) * info.scale


def _find_outputs(card: ModelCard, file: Path, engine: TfliteRuntime) -> tuple[int, int]:
    """Return the indices of the candidates and the prototypes.

    Raises:
        ModelFormatError: the file does not match the card.
    """
    width, height = card.input.fixed_size
    if engine.input.shape != (1, height, width, 3):
        raise make_mismatch_error(card, file, f"input {engine.input}", f"1x{height}x{width}x3")
    found = " and ".join(str(info) for info in engine.outputs)
    protos = [n for n, info in enumerate(engine.outputs) if len(info.shape) == 4]
    if len(engine.outputs) != 2 or len(protos) != 1:
        raise make_mismatch_error(card, file, f"outputs {found}", "instances: boxes and prototypes")
    rows = 4 + len(card.classes) + engine.outputs[protos[0]].shape[3]
    first = 1 - protos[0]
    if engine.outputs[first].shape[:2] != (1, rows) or len(engine.outputs[first].shape) != 3:
        raise make_mismatch_error(card, file, f"outputs {found}", f"candidates of 1x{rows}xn")
    return first, protos[0]


def _select_candidates(
    candidates: Floats, card: ModelCard, limits: DetectionLimits
) -> tuple[NDArray[np.float64], NDArray[np.intp], Floats, Floats]:
    """Return corners in input pixels, classes, scores, coefficients; by descending score."""
    count = len(card.classes)
    all_scores = candidates[4 : 4 + count]
    if limits.multi_label:
        class_ids, likely = np.nonzero(all_scores >= limits.confidence)
    else:
        # The best class of 8400 candidates costs more than finding the few that have any.
        likely = np.flatnonzero(all_scores.max(axis=0) >= limits.confidence)
        class_ids = all_scores[:, likely].argmax(axis=0)
    scores = all_scores[class_ids, likely].astype(np.float32)
    few = candidates[:, likely]
    boxes = few[:4].T.astype(np.float64)
    if card.output.boxes == "share":
        boxes *= (*card.input.fixed_size, *card.input.fixed_size)
    boxes[:, :2] -= boxes[:, 2:] / 2
    kept = _suppress_boxes(boxes, scores, class_ids, limits)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    return corners[kept], class_ids[kept], scores[kept], few[4 + count :].T[kept]


def _suppress_boxes(
    boxes: NDArray[np.float64], scores: Floats, class_ids: NDArray[np.intp], limits: DetectionLimits
) -> NDArray[np.intp]:
    """Return the indices after box NMS within each class, by descending score.

    Args:
        boxes: (n, 4): left, top, width, height in pixels.
        scores: of the boxes.
        class_ids: of the boxes.
        limits: only `max_objects` is used.
    """
    if not len(boxes):
        return np.empty(0, np.intp)
    kept: Any = cv2.dnn.NMSBoxesBatched(
        cast(Any, boxes), cast(Any, scores), cast(Any, class_ids), 0.0, BOX_IOU_THRESHOLD
    )
    index = np.asarray(kept, np.intp)
    return index[np.argsort(-scores[index], kind="stable")][
        : _MASKS_PER_OBJECT * limits.max_objects
    ]
