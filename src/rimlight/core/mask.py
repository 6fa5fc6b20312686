"""The mask: what a segmenter says of a frame, and what refiners and effects read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.instances import Instances

_ROUNDING = 1e-3
"""How far scores may lie outside of [0, 1]."""


@dataclass(frozen=True)
class Mask:
    """What the pixels of one whole frame are, at the model's resolution.

    Made from scores (`Mask(scores, classes)`) or from labels (`Mask.from_labels`); the other view
    is made when it is asked for.

    Attributes:
        data: float32 scores (h, w, len(classes)) in [0, 1], or uint8 labels (h, w).
        classes: one name for each score channel or label, for example ("person",).
        foreground: the classes that stay when nothing else is asked for.
        alpha_range: (low, high): where the mask meets the picture, scores up to `low` count as 0
            and scores from `high` as 1, with a smooth step between.
        instances: the single objects that the mask was made of; None where the model knows none.
        alpha_u8: the scores of a mask's only class in 255ths, uint8 (h, w), where whoever made them
            had these at hand; None otherwise.
        mean_entropy: the mean entropy (0..1) of scores that labels were made of; None where
            unknown, and where `data` still holds the scores.
        is_matte: the scores tell how opaque each pixel is, hair included, not how likely; effects
            then take the room's color out of half-transparent pixels.

    Raises:
        ValueError: `data` does not fit `classes`, or `alpha_range` is not rising within [0, 1].
    """

    data: NDArray[np.float32] | NDArray[np.uint8]
    classes: tuple[str, ...]
    foreground: tuple[str, ...] = ("person",)
    alpha_range: tuple[float, float] = (0.0, 1.0)
    instances: Instances | None = None
    mean_entropy: float | None = None
    alpha_u8: NDArray[np.uint8] | None = None
    is_matte: bool = False

    def __post_init__(self) -> None:
        shape, dtype = self.data.shape, self.data.dtype
        labels = dtype == np.uint8 and self.data.ndim == 2
        scores = dtype == np.float32 and shape[2:] == (len(self.classes),)
        if not (labels or scores):
            raise ValueError(
                f"a mask must be float32 (h, w, {len(self.classes)}) scores or uint8 (h, w) "
                f"labels for classes {self.classes}, got {dtype} {shape}"
            )
        if not 0 <= self.alpha_range[0] < self.alpha_range[1] <= 1:
            raise ValueError(f"mask alpha_range must rise within [0, 1], got {self.alpha_range}")

    @classmethod
    def from_labels(
        cls,
        labels: NDArray[np.uint8],
        classes: tuple[str, ...],
        *,
        foreground: tuple[str, ...] = ("person",),
    ) -> Mask:
        """Wrap the winning class of each pixel, uint8 (h, w), values below len(classes)."""
        return cls(labels, classes, foreground)

    @classmethod
    def from_instances(
        cls,
        instances: Instances,
        *,
        foreground: tuple[str, ...] = ("person",),
        alpha_range: tuple[float, float] = (0.0, 1.0),
    ) -> Mask:
        """Wrap single objects: their classes, and "background" where there is none."""
        classes = (*instances.classes, "background")
        return cls(instances.to_labels(), classes, foreground, alpha_range, instances)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the mask."""
        return self.data.shape[0], self.data.shape[1]

    @cached_property
    def is_finite(self) -> bool:
        """Whether all scores are numbers in [0, 1]: a model that broke down may give NaN."""
        if self.data.dtype == np.uint8 or not self.data.size:
            return True
        return bool(self.data.min() >= -_ROUNDING and self.data.max() <= 1 + _ROUNDING)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """float32 (h, w, len(classes)) in [0, 1]."""
        if self.data.dtype != np.uint8:
            return cast(NDArray[np.float32], self.data)
        every = np.arange(len(self.classes), dtype=np.uint8)
        return cast(NDArray[np.float32], (self.data[..., None] == every).astype(np.float32))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """uint8 (h, w): the winning class; one single class wins from a score of 0.5 up.

        With a single class ("person"), 0 is that class and 1 stands for none of it.
        """
        if self.data.dtype == np.uint8:
            return cast(NDArray[np.uint8], self.data)
        if len(self.classes) == 1:
            return (self.data[..., 0] < 0.5).astype(np.uint8)
        return cast(NDArray[np.uint8], self.data.argmax(axis=2).astype(np.uint8))

    def alpha(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return how much of each pixel belongs to `names`, float32 (h, w) in [0, 1].

        Args:
            names: classes that count; None for the mask's own foreground.

        Raises:
            KeyError: a name is not among the classes.
        """
        said = self.foreground if names is None else names
        wanted = [self._channel(name) for name in said]
        if self.instances is not None:
            return self._object_alpha(self.instances, said)
        if self.data.dtype == np.uint8:
            return np.isin(self.data, np.array(wanted, np.uint8)).astype(np.float32)
        if len(wanted) == 1:
            return cast(NDArray[np.float32], self.data[..., wanted[0]])
        total = self.scores[..., wanted].sum(axis=2)
        return cast(NDArray[np.float32], np.minimum(total, 1, dtype=np.float32))

    def with_scores(
        self, scores: NDArray[np.float32], alpha_u8: NDArray[np.uint8] | None = None
    ) -> Mask:
        """Return a mask of the same classes with other scores, and no single objects."""
        return Mask(
            scores,
            self.classes,
            self.foreground,
            self.alpha_range,
            None,
            self.mean_entropy,
            alpha_u8,
        )

    def _object_alpha(self, instances: Instances, names: Sequence[str]) -> NDArray[np.float32]:
        """Objects have soft edges of their own; other classes have those of the labels."""
        alpha = instances.merge_masks(names).astype(np.float32) * np.float32(1 / 255)
        others = [self._channel(name) for name in names if name not in instances.classes]
        if others:
            alpha[np.isin(self.data, np.array(others, np.uint8))] = 1
        return alpha

    def _channel(self, name: str) -> int:
        if name not in self.classes:
            raise KeyError(f"no class {name!r}; this mask has {', '.join(self.classes)}")
        return self.classes.index(name)
