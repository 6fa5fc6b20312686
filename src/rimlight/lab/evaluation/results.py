"""The figures of an evaluation, as values that reports are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Figures = Mapping[str, float | None]
"""By name; None where the data cannot tell."""


@dataclass(frozen=True)
class Metric:
    """How to show one figure.

    Attributes:
        key: its name in `Figures` and in the JSON.
        title: its name in tables.
        digits: decimals to show.
        rising: more is better; None: neither.
    """

    key: str
    title: str
    digits: int = 3
    rising: bool | None = None

    def show(self, value: float | None) -> str:
        """Return the value as text, "-" for None."""
        return "-" if value is None else f"{value:.{self.digits}f}"


METRICS = (
    Metric("pictures", "pictures", 0),
    Metric("iou", "IoU", 3, rising=True),
    Metric("boundary_f", "boundary F", 3, rising=True),
    Metric("alpha_error", "alpha error", 4, rising=False),
    Metric("empty_filled", "empty filled", 3, rising=False),
    Metric("miou", "mIoU", 3, rising=True),
    Metric("accuracy", "accuracy", 3, rising=True),
    Metric("objects", "objects", 0),
    Metric("map50", "mAP@0.5", 3, rising=True),
    Metric("map", "mAP@0.5:0.95", 3, rising=True),
    Metric("flicker", "flicker ‰", 2, rising=False),
    Metric("flow_warping", "FWE", 4, rising=False),
    Metric("edge_stability", "edge stability", 3, rising=True),
    Metric("lag_ms", "lag ms", 1, rising=False),
    Metric("ghosts", "ghosts", 4, rising=False),
    Metric("ms", "ms", 2, rising=False),
    Metric("cpu_ms", "CPU ms", 1, rising=False),
    Metric("peak_mb", "memory MB", 0, rising=False),
)


@dataclass(frozen=True)
class Score:
    """One picture's figures."""

    name: str
    figures: Figures


@dataclass(frozen=True)
class WorstExample:
    """One of the worst pictures: its score, and a strip of picture, truth and mask.

    Attributes:
        name: of the picture.
        value: its IoU or pixel accuracy, whichever the data has.
        strip: BGR uint8 (h, w, 3): the picture, the true and the given cut-out side by side.
    """

    name: str
    value: float
    strip: NDArray[np.uint8]


@dataclass(frozen=True)
class Result:
    """What one set-up reached on one data set.

    Attributes:
        setup: its name.
        data: the data set's name.
        figures: over the whole set, by the keys of `METRICS`.
        stages_ms: median milliseconds of each stage.
        scores: each picture's figures, in order.
        worst: the worst pictures, worst first.
        classes: names of the confusion matrix's rows; empty without one.
        class_ious: one for each class; None where the class never comes up.
        confusion: pixel counts, rows = truth, columns = given and then "none of them".
    """

    setup: str
    data: str
    figures: Figures
    stages_ms: Mapping[str, float]
    scores: tuple[Score, ...]
    worst: tuple[WorstExample, ...] = ()
    classes: tuple[str, ...] = ()
    class_ious: tuple[float | None, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, without the pictures."""
        plain: dict[str, Any] = {
            "setup": self.setup,
            "data": self.data,
            "figures": dict(self.figures),
            "stages_ms": dict(self.stages_ms),
            "scores": [{"name": s.name, **s.figures} for s in self.scores],
            "worst": [{"name": bad.name, "value": bad.value} for bad in self.worst],
        }
        if self.classes:
            plain["class_iou"] = dict(zip(self.classes, self.class_ious, strict=True))
            plain["confusion"] = [list(row) for row in self.confusion]
        return plain


@dataclass(frozen=True)
class Evaluation:
    """All results of a run.

    Attributes:
        results: data sets in the order given, and within each the set-ups in theirs.
        conditions: what the figures depend on: threshold, crop, versions, processor.
    """

    results: tuple[Result, ...]
    conditions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def setups(self) -> tuple[str, ...]:
        """The names of the set-ups, in order."""
        return tuple(dict.fromkeys(result.setup for result in self.results))

    @property
    def measured(self) -> tuple[Metric, ...]:
        """The measures that at least one result has."""
        return tuple(
            m for m in METRICS if any(r.figures.get(m.key) is not None for r in self.results)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "conditions": dict(self.conditions),
            "results": [result.to_dict() for result in self.results],
        }
