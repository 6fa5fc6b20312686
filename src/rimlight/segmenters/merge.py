"""Merge two segmentations of a frame: one model for the ground, one for what is on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.model_card import PERSON_PARTS
from rimlight.core.protocols import Segmenter, read_notes
from rimlight.imaging.compositing.i420 import quantize
from rimlight.imaging.masks import compute_mean_entropy, upscale_labels
from rimlight.segmenters.ensemble import resize_scores

Labels = NDArray[np.uint8]

PEOPLE = PERSON_PARTS | {"person", "pedestrian", "rider", "bicyclist"}
"""Classes of the second model that always override the first: no person may be lost."""
VEHICLES = frozenset({"car", "truck", "bus", "train", "motorcycle", "motorbike", "bicycle"})
"""Classes of the second model that override the first unless the first is confident."""

MIN_CONFIDENCE = 0.8
"""Minimum score of all non-background classes at which the first model is confident.

On CamVid's validation set mIoU changes by less than 0.003 for any limit of 0.5 or more.
"""

_BACKGROUND_NAMES = frozenset({"background", "void"})


class MergedSegmenter:
    """Merges the labels of two segmenters. It owns and closes them.

    The class of a pixel is the first of these that applies:

    1. people, and all objects of an instance model, from the second model;
    2. vehicles of the second model, unless the first model is confident;
    3. the class of the first model, unless it is background;
    4. the class of the second model, unless the first model has that class, too;
    5. background.

    Args:
        first: decides for its own classes; has a class "background", or only one class.
        second: adds its classes.
        alternate: after the first frame, run only one of the two per frame and reuse the last mask
            of the other.
    """

    def __init__(self, first: Segmenter, second: Segmenter, *, alternate: bool = False) -> None:
        self._pair = (first, second)
        self._alternate = alternate
        self._masks: list[Mask] = []
        self._turn = 0
        self._known: tuple[tuple[str, ...], ...] = ()
        self._classes: tuple[str, ...] = ()
        self._table: Labels = np.empty((2, 0, 0), np.uint8)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the models within."""
        return read_notes(*self._pair)

    def segment(self, frame: Frame) -> Mask:
        """Return a mask of labels of both models' classes.

        Its shape is the larger height and width of the two masks, or that of the instances. Its
        entropy is that of the first model that provides it.

        Raises:
            ConfigError: the first model has no background, or instances of the second have a class
                of the first.
        """
        first, second = self._run_models(frame)
        if self._known != (first.classes, second.classes):
            self._build_table(first, second)
        unsure = [
            doubt
            for doubt in (_compute_entropy(first), _compute_entropy(second))
            if doubt is not None
        ]
        return Mask(
            self._merge_labels(first, second, _compute_shape(first, second)),
            self._classes,
            first.foreground,
            instances=second.instances,
            mean_entropy=unsure[0] if unsure else None,
        )

    def close(self) -> None:
        """Close both segmenters."""
        for segmenter in self._pair:
            segmenter.close()
        self._masks = []

    def _run_models(self, frame: Frame) -> list[Mask]:
        if self._alternate and self._masks:
            self._turn = 1 - self._turn
            self._masks[self._turn] = self._pair[self._turn].segment(frame)
        else:
            self._masks = [segmenter.segment(frame) for segmenter in self._pair]
        return self._masks

    def _merge_labels(self, first: Mask, second: Mask, shape: tuple[int, int]) -> Labels:
        _, ours, theirs = self._table.shape
        index = _resize_labels(first, shape).astype(np.uint32) * theirs
        index += _resize_labels(second, shape)
        index += _find_confident(first, shape) * np.uint32(ours * theirs)
        return cast(Labels, self._table.reshape(-1)[index])

    def _build_table(self, first: Mask, second: Mask) -> None:
        """Compute the class of each pair of labels, for a non-confident and a confident first."""
        ours, theirs = _list_label_names(first), _list_label_names(second)
        objects = second.instances is not None
        _check_classes(ours, theirs, objects=objects)
        self._classes = tuple(dict.fromkeys((*ours, *theirs)))
        always = frozenset(theirs) - _BACKGROUND_NAMES if objects else PEOPLE
        tables = [
            [[self._choose_class(x, y, ours, over) for y in theirs] for x in ours]
            for over in (always | VEHICLES, always)
        ]
        self._table = np.array(tables, np.uint8)
        self._known = (first.classes, second.classes)

    def _choose_class(
        self, ours: str, theirs: str, known: Sequence[str], over: frozenset[str]
    ) -> int:
        """Return the class of a pixel with the labels `ours` (first model) and `theirs`."""
        taken = theirs in over or (ours in _BACKGROUND_NAMES and theirs not in known)
        return self._classes.index(theirs if taken else ours)


def _list_label_names(mask: Mask) -> tuple[str, ...]:
    """Return the names of a mask's labels; a single class adds "background"."""
    return mask.classes if len(mask.classes) > 1 else (*mask.classes, "background")


def _check_classes(ours: tuple[str, ...], theirs: tuple[str, ...], *, objects: bool) -> None:
    if not _BACKGROUND_NAMES & set(ours):
        raise ConfigError(
            "of two models, the first must have a background class, which the second fills",
            hint="name the model with fewer classes first: road+cityscapes",
        )
    if objects and (both := set(ours) & set(theirs) - _BACKGROUND_NAMES):
        raise ConfigError(
            f"both models have the class {', '.join(sorted(both))}, as object and as region",
            hint="combine an instance model with a model of other classes: road+yolov8n-seg",
        )


def _compute_shape(first: Mask, second: Mask) -> tuple[int, int]:
    if second.instances is not None:
        return second.shape
    return max(first.shape[0], second.shape[0]), max(first.shape[1], second.shape[1])


def _resize_labels(mask: Mask, shape: tuple[int, int]) -> Labels:
    """Return labels at `shape`; scores are resized before argmax for smooth outlines."""
    if mask.shape == shape:
        return mask.labels
    size = (shape[1], shape[0])
    if mask.data.dtype == np.uint8:
        return cast(Labels, cv2.resize(mask.labels, size, interpolation=cv2.INTER_NEAREST))
    if len(mask.classes) == 1:
        return mask.with_scores(resize_scores(mask.scores, shape)).labels
    layers = [(n, quantize(mask.scores[..., n])) for n in range(len(mask.classes))]
    return upscale_labels(layers, size)


def _find_confident(mask: Mask, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a model is confident of a non-background class; False for label masks."""
    if mask.data.dtype == np.uint8:
        return np.zeros(shape, np.bool_)
    nothing = [name for name in mask.classes if name in _BACKGROUND_NAMES]
    seen = 1 - mask.alpha(nothing) if nothing else mask.alpha(mask.classes)
    return resize_scores(seen, shape).reshape(shape) >= np.float32(MIN_CONFIDENCE)


def _compute_entropy(mask: Mask) -> float | None:
    return mask.mean_entropy if mask.data.dtype == np.uint8 else compute_mean_entropy(mask.scores)
