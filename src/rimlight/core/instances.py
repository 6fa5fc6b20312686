"""Single objects of one frame: boxes, classes, scores and a small soft mask for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the grid; right and bottom are just outside."""


@dataclass(frozen=True)
class Instance:
    """One object: a view into `Instances`, for those who want one at a time.

    Attributes:
        name: its class.
        score: how sure the model is, 0..1.
        box: (left, top, right, bottom) as shares of the frame, 0..1.
        id: the number that a tracker gave it; 0 for none.
        mask_box: where `mask` lies on the grid.
        mask: uint8 (bottom - top, right - left), 255 where the pixel is the object's.
    """

    name: str
    score: float
    box: tuple[float, float, float, float]
    id: int
    mask_box: Box
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Instances:
    """The objects of one whole frame, the surest first.

    Attributes:
        boxes: float32 (n, 4): left, top, right, bottom as shares of the frame, 0..1.
        class_ids: intp (n,), positions in `classes`.
        scores: float32 (n,) in [0, 1].
        mask_boxes: where each mask lies on the grid.
        masks: uint8 of the places' sizes, 0..255, soft at the edges; nothing outside its place.
        shape: (height, width) of the grid, which covers the whole frame.
        classes: all that the model knows.
        ids: int64 (n,): the numbers that a tracker gave; 0 for none. Empty means all 0.

    Raises:
        ValueError: the parts differ in length.
    """

    boxes: NDArray[np.float32]
    class_ids: NDArray[np.intp]
    scores: NDArray[np.float32]
    mask_boxes: tuple[Box, ...]
    masks: tuple[NDArray[np.uint8], ...]
    shape: tuple[int, int]
    classes: tuple[str, ...]
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not self.ids.size:
            object.__setattr__(self, "ids", np.zeros(len(self.boxes), np.int64))
        parts = (self.class_ids, self.scores, self.mask_boxes, self.masks, self.ids)
        if any(len(part) != len(self.boxes) for part in parts) or self.boxes.shape[1:] != (4,):
            lengths = [len(part) for part in (self.boxes, *parts)]
            raise ValueError(f"instances must have n x 4 boxes and n of all else, got {lengths}")

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Instance]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Instance:
        left, top, right, bottom = (float(side) for side in self.boxes[number])
        return Instance(
            self.classes[self.class_ids[number]],
            float(self.scores[number]),
            (left, top, right, bottom),
            int(self.ids[number]),
            self.mask_boxes[number],
            self.masks[number],
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The class of each object."""
        return tuple(self.classes[number] for number in self.class_ids)

    @property
    def areas(self) -> NDArray[np.float64]:
        """How much of the frame each object covers, 0..1."""
        cells = self.shape[0] * self.shape[1]
        return np.array([np.count_nonzero(mask > 127) / cells for mask in self.masks])

    def select(self, numbers: Sequence[int]) -> Instances:
        """Return the objects of these numbers, in this order; none for an empty choice."""
        index = np.array(numbers, np.intp)
        return replace(
            self,
            boxes=self.boxes[index],
            class_ids=self.class_ids[index],
            scores=self.scores[index],
            mask_boxes=tuple(self.mask_boxes[n] for n in numbers),
            masks=tuple(self.masks[n] for n in numbers),
            ids=self.ids[index],
        )

    def with_ids(self, ids: NDArray[np.int64]) -> Instances:
        """Return the same objects with other numbers."""
        return replace(self, ids=ids)

    def with_scores(self, scores: NDArray[np.float32]) -> Instances:
        """Return the same objects, in the same order, with other scores."""
        return replace(self, scores=scores)

    def merge_masks(self, names: Sequence[str] | None = None) -> NDArray[np.uint8]:
        """Return what all objects of some classes cover together, uint8 (h, w) of the grid.

        Args:
            names: the classes; None for all.
        """
        out = np.zeros(self.shape, np.uint8)
        for item in self:
            if names is None or item.name in names:
                left, top, right, bottom = item.mask_box
                window = out[top:bottom, left:right]
                np.maximum(window, item.mask, out=window)
        return out

    def to_labels(self) -> NDArray[np.uint8]:
        """Return each pixel's class, uint8 (h, w) of the grid; the surest object lies on top.

        Where there is none, the label is len(classes).
        """
        out = np.full(self.shape, len(self.classes), np.uint8)
        for number in reversed(range(len(self))):
            left, top, right, bottom = self.mask_boxes[number]
            out[top:bottom, left:right][self.masks[number] > 127] = self.class_ids[number]
        return out
