"""Object detection without masks: each box becomes an ellipse or a box of the mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core.errors import ModelError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.model_card import ModelCard, check_runnable, choose_runtime
from rimlight.segmenters.crop_detect import crop_frame
from rimlight.segmenters.detection_decoders import choose_decoder
from rimlight.segmenters.detections import (
    Detections,
    concat_detections,
    draw_ellipse,
    drop_letterbox,
    suppress_duplicates,
)
from rimlight.segmenters.preprocess import Preprocessor, limit_size
from rimlight.segmenters.runtime import InferenceRuntime, ThreadOptions, check_input
from rimlight.segmenters.tflite import TfliteRuntime

MASK_SIDE = 960
"""Pixels of the longer side of the mask's grid, so that distant faces have a shape."""
GROW = (0.25, 0.45, 0.25, 0.2)
"""How far the drawn shape of a face reaches beyond its box to the left, top, right and bottom, in
shares of the box's sides: boxes of face detectors end at the eyebrows, and ellipses cut corners."""
TILE_OVERLAP = 0.2
"""Least overlap of two tiles, in shares of a tile's side."""


class DetectorSegmenter:
    """Detects objects with a model of boxes and scores.

    With `tiles` above 0, the model also sees the frame in square tiles, that many along the shorter
    side, in which distant objects are large enough for it.

    Args:
        card: how to feed the file, and its classes.
        file: the model file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ThreadOptions):
        """Detection limits, tiles and runtime."""

        confidence: Annotated[float, Field(gt=0, lt=1, description="minimum score")] = 0.5
        iou_threshold: Annotated[
            float, Field(gt=0, le=1, description="IoU of duplicates within a class")
        ] = 0.3
        max_objects: Annotated[
            int, Field(ge=1, le=1000, description="maximum number of objects per frame")
        ] = 300
        tiles: Annotated[
            int,
            Field(ge=0, le=8, description="square tiles along the shorter side; 0: whole frame"),
        ] = 1

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        self.card = card
        self._options = options
        engine = _open_runtime(card, file, options)
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            check_input(card, file, engine)
            self._input = Preprocessor(card.input, engine.input, engine.input_buffer)
            self._decode = choose_decoder(card, file)
            on_error.pop_all()
        self._engine = engine
        self._closed = False

    def detect(self, frame: Frame) -> Detections:
        """Return the objects of `frame` by falling score, boxes as shares of the frame."""
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        views = [self._detect_view(frame), *self._detect_tiles(frame)]
        return suppress_duplicates(
            concat_detections(views),
            iou_threshold=self._options.iou_threshold,
            limit=self._options.max_objects,
        )

    def segment(self, frame: Frame) -> Mask:
        """Return the objects of `frame` as a mask that covers all of it."""
        return draw_mask(self.detect(frame), self.card.classes, frame.size)

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()

    def _detect_tiles(self, frame: Frame) -> Iterator[Detections]:
        width, height = frame.size
        for left, top, right, bottom in split_into_squares(frame.size, self._options.tiles):
            tile = crop_frame(frame, (left, top, right, bottom))
            scale = (right - left) / width, (bottom - top) / height
            yield self._detect_view(tile).map_boxes(scale, (left / width, top / height))

    def _detect_view(self, frame: Frame) -> Detections:
        outputs = self._engine.run_all(self._input.to_tensor(frame))
        if not all(np.isfinite(values).all() for values in outputs):
            raise ModelError(
                f"model {self.card.name!r} gave numbers that are not finite",
                hint="the file may be damaged: fetch it again",
            )
        size, place = self._input.size, self._input.locate_frame(frame.size)
        return drop_letterbox(self._decode(outputs, size, self._options.confidence), place, size)


class DetectorRuntime(InferenceRuntime, Protocol):
    """An open model file with several outputs."""

    def run_all(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Return new arrays of all outputs for an input tensor."""
        ...


def _open_runtime(card: ModelCard, file: Path, options: ThreadOptions) -> DetectorRuntime:
    if choose_runtime(file) == "onnx":
        from rimlight.segmenters.onnx_devices import OpenSizeBackend
        from rimlight.segmenters.onnx_runtime import OnnxRuntime

        backend = OpenSizeBackend() if card.input.size is None else None
        return OnnxRuntime(file, threads=options.threads, card=card, backend=backend)
    return TfliteRuntime(file, size=card.input.size, threads=options.threads)


def draw_mask(
    found: Detections, classes: tuple[str, ...], size: tuple[int, int], *, shape: str = "ellipse"
) -> Mask:
    """Return detections as single objects of a mask; see `GROW` for how far they reach.

    Args:
        found: boxes as shares of the frame.
        classes: the names of the class ids.
        size: (width, height) of the frame.
        shape: "ellipse" or "box".
    """
    width, height = limit_size(size, MASK_SIDE)
    cells = [_to_cells(box, (width, height)) for box in grow_boxes(found.boxes)]
    seen = [number for number, box in enumerate(cells) if box[2] > box[0] and box[3] > box[1]]
    found, cells = found.select(np.array(seen, np.intp)), [cells[number] for number in seen]
    drawn = [_draw_shape(box, (width, height), shape) for box in cells]
    instances = Instances(
        found.boxes.clip(0, 1).astype(np.float32),
        found.class_ids,
        found.scores,
        tuple(place for place, _ in drawn),
        tuple(picture for _, picture in drawn),
        (height, width),
        classes,
    )
    return Mask.from_instances(instances, foreground=classes)


def grow_boxes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return boxes (n, 4) grown to what a cover must hide."""
    sides = boxes[:, 2:] - boxes[:, :2]
    left, top, right, bottom = GROW
    low, high = np.array([left, top]), np.array([right, bottom])
    return np.hstack([boxes[:, :2] - sides * low, boxes[:, 2:] + sides * high]).astype(np.float32)


def split_into_squares(size: tuple[int, int], count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield overlapping squares (left, top, right, bottom), even, that cover a frame.

    Args:
        size: (width, height) of the frame in pixels.
        count: squares along the shorter side; one of a square frame would be the frame itself.
    """
    if not count or (count == 1 and max(size) < 1.2 * min(size)):
        return
    share = 1 / (count - (count - 1) * TILE_OVERLAP)
    side = max(2, int(min(size) * share) // 2 * 2)
    for top in _place_starts(size[1], side):
        for left in _place_starts(size[0], side):
            yield left, top, left + side, top + side


def _place_starts(length: int, side: int) -> list[int]:
    """Return the even starts of evenly spaced tiles from 0 to the end."""
    room = max(0, length - side)
    steps = int(np.ceil(room / (side * (1 - TILE_OVERLAP))))
    return sorted({round(room * step / max(1, steps)) // 2 * 2 for step in range(steps + 1)})


def _to_cells(box: NDArray[Any], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the cells of a grid of (width, height) that `box` (shares) touches, uncut."""
    low = np.floor(box[:2] * size).astype(int)
    high = np.ceil(box[2:] * size).astype(int)
    if (high <= 0).any() or (low >= size).any():
        return 0, 0, 0, 0
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _draw_shape(
    box: tuple[int, int, int, int], size: tuple[int, int], shape: str
) -> tuple[tuple[int, int, int, int], NDArray[np.uint8]]:
    """Return where on the grid a shape lies, and the shape, cut where the grid ends."""
    left, top, right, bottom = box
    whole = (
        draw_ellipse(right - left, bottom - top)
        if shape == "ellipse"
        else np.full((bottom - top, right - left), 255, np.uint8)
    )
    place = max(0, left), max(0, top), min(size[0], right), min(size[1], bottom)
    cut = whole[place[1] - top : place[3] - top, place[0] - left : place[2] - left]
    return place, cut
