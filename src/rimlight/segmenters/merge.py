"""Two models look at each frame: one knows the ground, the other what stands and moves on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter
from rimlight.imaging.compositing.i420 import quantize
from rimlight.imaging.masks import compute_mean_entropy, upscale_labels
from rimlight.segmenters.ensemble import enlarged

Labels = NDArray[np.uint8]

PEOPLE = frozenset({"person", "pedestrian", "rider", "bicyclist"})
"""Who covers the ground wherever the second model sees them: nobody may go missing."""
VEHICLES = frozenset({"car", "truck", "bus", "train", "motorcycle", "motorbike", "bicycle"})
"""What covers the ground unless the first model is sure that there is ground."""

SURE = 0.8
"""From this score of all its classes but background on, the first model is sure.

On CamVid's validation set mIoU is the same within 0.003 for all limits from 0.5 up.
"""

_NOTHING = frozenset({"background", "void"})


class JointSegmenter:
    """Labels from two segmenters. Takes them over and closes them.

    At each pixel, in this order: people, and every single object of an instance model, as the
    second model has them; vehicles, unless the first is sure of what it sees; what the first model
    sees, unless that is background; what the second model sees, unless it is a class that the
    first knows and denies; background.

    Args:
        first: decides over its own classes; has a class "background", or one class alone.
        second: adds its classes.
        in_turn: after the first frame only one of the two looks at each frame, so that a frame
            costs one model; the other's last mask stands in.
    """

    def __init__(self, first: Segmenter, second: Segmenter, *, in_turn: bool = False) -> None:
        self._pair = (first, second)
        self._in_turn = in_turn
        self._masks: list[Mask] = []
        self._turn = 0
        self._known: tuple[tuple[str, ...], ...] = ()
        self._classes: tuple[str, ...] = ()
        self._table: Labels = np.empty((2, 0, 0), np.uint8)

    def segment(self, frame: Frame) -> Mask:
        """Return a mask of labels of both models' classes.

        It is as large as the larger mask in each direction, or as the grid of single objects. How
        sure the models were is that of the first which says so.

        Raises:
            ConfigError: the first model has no background, or single objects of the second have
                a class that the first has too.
        """
        first, second = self._look(frame)
        if self._known != (first.classes, second.classes):
            self._learn(first, second)
        unsure = [doubt for doubt in (_doubt(first), _doubt(second)) if doubt is not None]
        return Mask(
            self._join(first, second, _common_shape(first, second)),
            self._classes,
            first.foreground,
            instances=second.instances,
            mean_entropy=unsure[0] if unsure else None,
        )

    def close(self) -> None:
        """Close both."""
        for segmenter in self._pair:
            segmenter.close()
        self._masks = []

    def _look(self, frame: Frame) -> list[Mask]:
        if self._in_turn and self._masks:
            self._turn = 1 - self._turn
            self._masks[self._turn] = self._pair[self._turn].segment(frame)
        else:
            self._masks = [segmenter.segment(frame) for segmenter in self._pair]
        return self._masks

    def _join(self, first: Mask, second: Mask, shape: tuple[int, int]) -> Labels:
        _, ours, theirs = self._table.shape
        index = _labels_at(first, shape).astype(np.uint32) * theirs
        index += _labels_at(second, shape)
        index += _sure_at(first, shape) * np.uint32(ours * theirs)
        return cast(Labels, self._table.reshape(-1)[index])

    def _learn(self, first: Mask, second: Mask) -> None:
        """Work out which class each pair of labels becomes, where the first is unsure and sure."""
        ours, theirs = _names(first), _names(second)
        objects = second.instances is not None
        _check(ours, theirs, objects=objects)
        self._classes = tuple(dict.fromkeys((*ours, *theirs)))
        always = frozenset(theirs) - _NOTHING if objects else PEOPLE
        tables = [
            [[self._number(x, y, ours, over) for y in theirs] for x in ours]
            for over in (always | VEHICLES, always)
        ]
        self._table = np.array(tables, np.uint8)
        self._known = (first.classes, second.classes)

    def _number(self, ours: str, theirs: str, known: Sequence[str], over: frozenset[str]) -> int:
        """Return the class of a pixel that the first model calls `ours`, the second `theirs`."""
        taken = theirs in over or (ours in _NOTHING and theirs not in known)
        return self._classes.index(theirs if taken else ours)


def _names(mask: Mask) -> tuple[str, ...]:
    """Return what the labels of a mask mean; a single class leaves a label for the rest."""
    return mask.classes if len(mask.classes) > 1 else (*mask.classes, "background")


def _check(ours: tuple[str, ...], theirs: tuple[str, ...], *, objects: bool) -> None:
    if not _NOTHING & set(ours):
        raise ConfigError(
            "of two models, the first must know a background, which leaves room for the second",
            hint="name the model with fewer classes first: road+cityscapes",
        )
    if objects and (both := set(ours) & set(theirs) - _NOTHING):
        raise ConfigError(
            f"both models know {', '.join(sorted(both))}: which is which, object or region?",
            hint="join a model of single objects with one of other classes: road+yolov8n-seg",
        )


def _common_shape(first: Mask, second: Mask) -> tuple[int, int]:
    if second.instances is not None:
        return second.shape
    return max(first.shape[0], second.shape[0]), max(first.shape[1], second.shape[1])


def _labels_at(mask: Mask, shape: tuple[int, int]) -> Labels:
    """Return labels at `shape`; scores are resized before the winner is chosen: smooth lines."""
    if mask.shape == shape:
        return mask.labels
    size = (shape[1], shape[0])
    if mask.data.dtype == np.uint8:
        return cast(Labels, cv2.resize(mask.labels, size, interpolation=cv2.INTER_NEAREST))
    if len(mask.classes) == 1:
        return mask.with_scores(enlarged(mask.scores, shape)).labels
    layers = [(n, quantize(mask.scores[..., n])) for n in range(len(mask.classes))]
    return upscale_labels(layers, size)


def _sure_at(mask: Mask, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a model is sure of what it sees; nowhere for labels, which do not say."""
    if mask.data.dtype == np.uint8:
        return np.zeros(shape, np.bool_)
    nothing = [name for name in mask.classes if name in _NOTHING]
    seen = 1 - mask.alpha(nothing) if nothing else mask.alpha(mask.classes)
    return enlarged(seen, shape).reshape(shape) >= np.float32(SURE)


def _doubt(mask: Mask) -> float | None:
    return mask.mean_entropy if mask.data.dtype == np.uint8 else compute_mean_entropy(mask.scores)
