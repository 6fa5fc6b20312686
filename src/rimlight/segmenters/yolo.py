"""Single objects from models with boxes and mask prototypes, as YOLO-seg exports have them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.model_card import ModelCard, check_runnable
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.instance_masks import (
    MaskPainter,
    boxed_by_masks,
    weighed,
    without_doubles,
)
from rimlight.segmenters.preprocess import InputMaker
from rimlight.segmenters.runtime import TensorInfo
from rimlight.segmenters.tflite import TfliteEngine, Threads, auto_threads


class InstanceSegmenter:
    """Finds single objects with a .tflite model of two outputs.

    The candidates are (1, 4 + classes + k, n): box center and size, class scores after their
    sigmoid, k mask coefficients. The prototypes are (1, h, w, k). Float or quantized.

    Args:
        card: how to feed the file, and its classes.
        file: the .tflite file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(opt.Options):
        """Which objects count, and how the model is run."""

        threads: Annotated[
            Threads, Field(description="CPU threads; auto: half of the cores, 4 at most")
        ] = "auto"
        confidence: Annotated[
            float, Field(gt=0, lt=1, description="objects of a lower score are not taken")
        ] = 0.25
        overlap: Annotated[
            float,
            Field(gt=0, le=1, description="of two masks of a class that share more, one stays"),
        ] = 0.5
        max_objects: Annotated[int, Field(ge=1, le=1000, description="the surest so many")] = 100
        several: Annotated[
            bool, Field(description="one thing may be of several classes, as benchmarks have it")
        ] = False
        weighed: Annotated[
            bool, Field(description="scores count less where box and mask disagree")
        ] = False

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        self.card = card
        self._limits = Limits(
            options.confidence,
            options.overlap,
            options.max_objects,
            several=options.several,
            weighed=options.weighed,
        )
        threads = auto_threads() if options.threads == "auto" else options.threads
        engine = TfliteEngine(file, size=card.input.size, threads=threads)
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            self._at = _outputs(card, file, engine)
            self._input = InputMaker(card.input, engine.input, engine.memory)
            on_error.pop_all()
        self._engine = engine
        self._closed = False

    def find(self, frame: Frame) -> Instances:
        """Return the single objects of `frame`, the surest first.

        Raises:
            ValueError: the segmenter is closed.
        """
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        first, second = self._at
        candidates = self._engine.run(self._input.make(frame), first)
        place = self._input.place(frame.size)
        return decode(
            _real(candidates[0], self._engine.outputs[first]),
            _real(self._engine.read(second)[0], self._engine.outputs[second]),
            card=self.card,
            place=place,
            limits=self._limits,
        )

    def segment(self, frame: Frame) -> Mask:
        """Return the objects of `frame` as a mask that covers all of it."""
        return Mask.from_instances(
            self.find(frame), foreground=self.card.foreground, alpha_range=self.card.alpha_range
        )

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()


def _real(values: NDArray[Any], info: TensorInfo) -> NDArray[Any]:
    """Return the real values that a quantized output stands for, as float32."""
    if not info.scale:
        return values
    return (values.astype("float32") - info.zero) * info.scale


def _outputs(card: ModelCard, file: Path, engine: TfliteEngine) -> tuple[int, int]:
    """Return which outputs are the candidates and the prototypes.

    Raises:
        ModelFormatError: the file is not what the card says.
    """
    width, height = card.input.size
    if engine.input.shape != (1, height, width, 3):
        raise _disagree(card, file, f"input {engine.input}", f"1x{height}x{width}x3")
    found = " and ".join(str(info) for info in engine.outputs)
    protos = [n for n, info in enumerate(engine.outputs) if len(info.shape) == 4]
    if len(engine.outputs) != 2 or len(protos) != 1:
        raise _disagree(card, file, f"outputs {found}", "instances: boxes and prototypes")
    rows = 4 + len(card.classes) + engine.outputs[protos[0]].shape[3]
    first = 1 - protos[0]
    if engine.outputs[first].shape[:2] != (1, rows) or len(engine.outputs[first].shape) != 3:
        raise _disagree(card, file, f"outputs {found}", f"candidates of 1x{rows}xn")
    return first, protos[0]


def _disagree(card: ModelCard, file: Path, found: str, said: str) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name} has {found}, its card {card.name!r} says {said}",
        hint="correct the card, or use the file that it was written for",
    )


Floats = NDArray[np.float32]

BOX_OVERLAP = 0.7
"""Of two boxes of one class that share more, only one gets a mask; the masks decide the rest."""

_SPARE = 3
"""So many times as many masks are made as objects are wanted, at most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which candidates become objects.

    Attributes:
        confidence: the least score.
        overlap: of two masks of one class with a higher IoU, the surer one stays.
        count: at most so many.
        several: a candidate counts for each class that is sure enough, as benchmarks have it;
            else for its best one only.
        weighed: scores are weighed by what the masks say, after `confidence` had its say.
    """

    confidence: float
    overlap: float
    count: int
    several: bool = False
    weighed: bool = False


def decode(
    candidates: Floats, prototypes: Floats, *, card: ModelCard, place: Rect, limits: Limits
) -> Instances:
    """Return the objects of one frame.

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
    corners, class_ids, scores, coefficients = _survivors(candidates, card, limits)
    painter = MaskPainter(prototypes, card, place)
    painted = [
        painter.paint(own, corner) for own, corner in zip(coefficients, corners, strict=True)
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
    found = weighed(found) if limits.weighed else found
    found = boxed_by_masks(found) if card.output.has_margin else found
    return without_doubles(found, overlap=limits.overlap, count=limits.count)


def _survivors(
    candidates: Floats, card: ModelCard, limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.intp], Floats, Floats]:
    """Return corners in input pixels, classes, scores and coefficients, the surest first."""
    count = len(card.classes)
    all_scores = candidates[4 : 4 + count]
    if limits.several:
        class_ids, likely = np.nonzero(all_scores >= limits.confidence)
    else:
        # The best class of 8400 candidates costs more than finding the few that have any.
        likely = np.flatnonzero(all_scores.max(axis=0) >= limits.confidence)
        class_ids = all_scores[:, likely].argmax(axis=0)
    scores = all_scores[class_ids, likely].astype(np.float32)
    few = candidates[:, likely]
    boxes = few[:4].T.astype(np.float64)
    if card.output.boxes == "share":
        boxes *= (*card.input.size, *card.input.size)
    boxes[:, :2] -= boxes[:, 2:] / 2
    kept = _apart(boxes, scores, class_ids, limits)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    return corners[kept], class_ids[kept], scores[kept], few[4 + count :].T[kept]


def _apart(
    boxes: NDArray[np.float64], scores: Floats, class_ids: NDArray[np.intp], limits: Limits
) -> NDArray[np.intp]:
    """Non-maximum suppression within each class, the surest first.

    Args:
        boxes: (n, 4): left, top, width, height in pixels.
        scores: of the boxes.
        class_ids: of the boxes.
        limits: `count` is used.
    """
    if not len(boxes):
        return np.empty(0, np.intp)
    kept: Any = cv2.dnn.NMSBoxesBatched(
        cast(Any, boxes), cast(Any, scores), cast(Any, class_ids), 0.0, BOX_OVERLAP
    )
    index = np.asarray(kept, np.intp)
    return index[np.argsort(-scores[index], kind="stable")][: _SPARE * limits.count]
