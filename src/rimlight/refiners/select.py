"""Who and what stays: by class, by size, by place, or by number."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from rimlight.core import options as opt
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.protocols import RefinerTraits
from rimlight.core.registry import suggest

SINGLE_OBJECT_WORDS = ("largest", "center")
"""Words that choose one object, or one region."""
BACKGROUND_CLASSES = ("background", "void")
"""Classes that are never chosen unless they are named."""
KEPT = "kept"
REST = "rest"


class SelectRefiner(RefinerTraits):
    """Leaves only what was chosen in a mask; an empty choice gives an empty mask.

    With single objects the choice is among objects; otherwise among classes and, for "largest"
    and "center", among the separate regions of what the classes leave. The result's foreground is
    all that stayed.

    "largest" and "center" change to another object only when it is better by `margin`.

    Raises:
        ConfigError: the model has no class of a name.
    """

    stateful = True

    class Options(opt.Options):
        """What stays, and what goes."""

        keep: Annotated[
            tuple[str, ...],
            Field(description="classes, 'largest', 'center', 'id:3'; none: all but `exclude`"),
        ] = ()
        exclude: Annotated[tuple[str, ...], Field(description="classes that are removed")] = ()
        margin: Annotated[
            float, Field(ge=1, le=10, description="how much better another object must be")
        ] = 1.3

        @field_validator("keep")
        @classmethod
        def _ids_are_numbers(cls, keep: tuple[str, ...]) -> tuple[str, ...]:
            for word in keep:
                if word.startswith("id:") and not opt.is_number(word[3:]):
                    raise ValueError(f"{word!r} must be id: and a number, such as id:3")
            return keep

    def __init__(self, options: Options) -> None:
        self._options = options
        words = options.keep
        self._ids = tuple(int(word[3:]) for word in words if word.startswith("id:"))
        self._ones = tuple(word for word in words if word in SINGLE_OBJECT_WORDS)
        self._names = tuple(
            w for w in words if w not in SINGLE_OBJECT_WORDS and not w.startswith("id:")
        )
        self._held: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that are kept by name."""
        return self._names

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with only the chosen objects, classes or regions in it."""
        if not self._options.keep and not self._options.exclude:
            return mask
        names = self._wanted(mask)
        if mask.instances is None:
            return self._classes(mask, names)
        kept = self._objects(mask.instances, names)
        classes = mask.instances.classes
        return Mask.from_instances(kept, foreground=classes, alpha_range=mask.alpha_range)

    def close(self) -> None:
        """Forget which object was held."""
        self._held = {}

    def _wanted(self, mask: Mask) -> tuple[str, ...]:
        """Return the classes that may stay."""
        for name in (*self._names, *self._options.exclude):
            if name not in mask.classes:
                raise ConfigError(
                    f"the model has no class {name!r}", hint=suggest(name, mask.classes)
                )
        usual = tuple(name for name in mask.classes if name not in BACKGROUND_CLASSES)
        if self._ones and not self._names and mask.instances is None and not self._options.exclude:
            usual = mask.foreground
        return tuple(name for name in self._names or usual if name not in self._options.exclude)

    def _objects(self, found: Instances, names: tuple[str, ...]) -> Instances:
        allowed = [n for n, name in enumerate(found.names) if name in names]
        if not self._ids and not self._ones:
            return found.select(allowed)
        chosen = [n for n in allowed if found.ids[n] in self._ids]
        if allowed:
            chosen += [self._one(word, found, allowed) for word in self._ones]
        return found.select(sorted(set(chosen)))

    def _one(self, word: str, found: Instances, allowed: list[int]) -> int:
        """Return the number of the best object, or of the held one unless it is clearly worse."""
        merit = found.areas if word == "largest" else 1 / (_distances(found.boxes) + 0.05)
        best = max(allowed, key=lambda n: float(merit[n]))
        held = [n for n in allowed if found.ids[n] and found.ids[n] == self._held.get(word)]
        if held and merit[best] < self._options.margin * merit[held[0]]:
            best = held[0]
        self._held[word] = int(found.ids[best])
        return best

    def _classes(self, mask: Mask, names: tuple[str, ...]) -> Mask:
        if self._ids:
            raise ConfigError(
                "this model knows no single objects, so none has a number",
                hint="use model=yolov8n-seg, which knows them",
            )
        if not self._ones:
            return _reduced(mask, names)
        alpha = mask.alpha(names)
        region = np.zeros(alpha.shape, bool)
        for word in self._ones:
            region |= _region(alpha, word)
        kept = np.where(region, alpha, np.float32(0))
        return Mask(kept[..., None], (KEPT,), (KEPT,), mask.alpha_range)


def _reduced(mask: Mask, names: tuple[str, ...]) -> Mask:
    """Return a mask of some of the classes, and "rest" for all others."""
    if names == mask.classes:
        return replace(mask, foreground=names)
    if mask.data.dtype == np.uint8:
        table = np.full(256, len(names), np.uint8)
        table[[mask.classes.index(name) for name in names]] = np.arange(len(names))
        return Mask(table[mask.labels], (*names, REST), names, mask.alpha_range)
    index = [mask.classes.index(name) for name in names]
    scores = np.empty((*mask.shape, len(names) + 1), np.float32)
    scores[..., :-1] = mask.scores[..., index]
    scores[..., -1] = np.clip(1 - scores[..., :-1].sum(axis=2), 0, 1)
    return Mask(scores, (*names, REST), names, mask.alpha_range)


def _region(alpha: NDArray[np.float32], word: str) -> NDArray[np.bool_]:
    """Return the largest, or the most central, of what hangs together; nothing in an empty mask."""
    solid = (alpha > 0.5).astype(np.uint8)
    count, labels, stats, centers = cv2.connectedComponentsWithStats(solid, connectivity=8)
    if count == 1:
        return np.zeros(alpha.shape, bool)
    if word == "largest":
        best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    else:
        middle = (alpha.shape[1] / 2, alpha.shape[0] / 2)
        # A speck in the middle is nobody: regions count from a thousandth of the picture on.
        far = np.hypot(*(centers[1:] - middle).T)
        far[stats[1:, cv2.CC_STAT_AREA] < 0.001 * alpha.size] += alpha.size
        best = 1 + int(far.argmin())
    around = cv2.dilate((labels == best).astype(np.uint8), np.ones((5, 5), np.uint8))
    others = (labels != best) & (labels != 0)
    return cast(NDArray[np.bool_], (around > 0) & ~others)


def _distances(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far the boxes' middles are from that of the frame, in shares of it."""
    middles = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2
    return cast(NDArray[np.float64], np.hypot(*(middles - 0.5).T))
