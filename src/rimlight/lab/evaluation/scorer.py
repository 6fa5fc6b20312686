"""Collect the figures of one setup on one data set, frame by frame."""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation import metrics
from rimlight.lab.evaluation.datasets import Dataset, Sample
from rimlight.lab.evaluation.labels import VOID, Scheme
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.results import Result, Score, WorstExample
from rimlight.lab.evaluation.temporal_metrics import (
    FlowWarpingMeter,
    GhostMeter,
    LagMeter,
    Motion,
    choose_working_size,
    measure_edge_stability,
    measure_flicker,
    shrink_alpha,
)
from rimlight.lab.evaluation.visualize import make_alpha_strip, make_label_strip

WORST = 10
_AVERAGED = ("iou", "boundary_f", "alpha_error", "empty_filled", "flicker", "edge_stability")


class SetupScorer:
    """Scores the masks of one set-up on one data set.

    Args:
        setup: the set-up's name.
        data: what it runs on.
        threshold: an alpha from here up is mask where a yes or no is asked for.
    """

    def __init__(self, setup: str, data: Dataset, *, threshold: float = 0.5) -> None:
        self._setup, self._data, self._threshold = setup, data, threshold
        self._scores: list[Score] = []
        self._stages_ms: dict[str, list[float]] = defaultdict(list)
        self._worst: list[tuple[float, int, WorstExample]] = []
        self._lag, self._ghosts = LagMeter(), GhostMeter()
        self._flow_warping = FlowWarpingMeter(threshold)
        self._before: Alpha | None = None
        self._labels = _LabelTally(data.scheme) if data.scheme else None

    def add_times(self, stages_ms: Mapping[str, float]) -> None:
        """Take the milliseconds that each stage took for one frame."""
        for stage, spent_ms in stages_ms.items():
            self._stages_ms[stage].append(spent_ms)

    def add_alpha(self, sample: Sample, alpha: Alpha, motion: Motion | None) -> None:
        """Take the next frame's alpha, float32 (height, width) at the frame's size."""
        figures: dict[str, float | None] = {}
        truth = sample.alpha
        if truth is not None:
            figures.update(self._compare(alpha, truth))
        if self._data.rate is not None:
            self._flow_warping.add(sample.frame.bgr, alpha)
            figures |= self._follow(alpha, truth, motion)
        self._scores.append(Score(_get_name(sample), figures))
        value = figures.get("iou")
        if truth is not None and value is not None and self._is_bad(value):
            strip = make_alpha_strip(sample.frame.bgr, truth, alpha)
            self._keep(WorstExample(_get_name(sample), value, strip))

    def add_labels(
        self, sample: Sample, labels: NDArray[np.uint8], classes: tuple[str, ...]
    ) -> None:
        """Take the next frame's labels, uint8 (height, width), which mean `classes`."""
        if self._labels is None or sample.labels is None:
            raise ValueError(f"data {self._data.name!r} has no labels to compare with")
        translated, accuracy = self._labels.add(labels, classes, sample.labels)
        figures = {"accuracy": accuracy}
        self._scores.append(Score(_get_name(sample), figures))
        if accuracy is not None and self._is_bad(accuracy):
            strip = make_label_strip(sample.frame.bgr, sample.labels, translated)
            self._keep(WorstExample(_get_name(sample), accuracy, strip))

    def get_result(self) -> Result:
        """Return the figures up to now."""
        stages = {name: statistics.median(ms) for name, ms in self._stages_ms.items()}
        figures: dict[str, float | None] = {
            "pictures": float(len(self._scores)),
            **{key: self._average(key) for key in _AVERAGED},
            "flow_warping": self._flow_warping.compute_error(),
            "lag_ms": self._compute_lag_ms(),
            "ghosts": self._ghosts.measure_share(),
            "ms": sum(stages.values()) if stages else None,
        }
        if self._labels:
            figures |= self._labels.summarize()
        worst = tuple(sorted((kept[-1] for kept in self._worst), key=lambda bad: bad.value))
        table = self._labels.get_table() if self._labels else ((), (), ())
        return Result(
            self._setup, self._data.name, figures, stages, tuple(self._scores), worst, *table
        )

    def _compare(self, alpha: Alpha, truth: Alpha) -> dict[str, float | None]:
        mask, wanted = alpha >= self._threshold, truth >= 0.5
        figures: dict[str, float | None] = {
            "alpha_error": metrics.compute_alpha_error(alpha, truth)
        }
        if wanted.any():
            figures["iou"] = metrics.compute_iou(mask, wanted)
            figures["boundary_f"] = metrics.compute_boundary_f(mask, wanted)
        else:
            figures["empty_filled"] = float(metrics.compute_fill_share(mask) > metrics.FILLED)
        return figures

    def _follow(
        self, alpha: Alpha, truth: Alpha | None, motion: Motion | None
    ) -> dict[str, float | None]:
        size = choose_working_size(self._data.size)
        small = shrink_alpha(alpha, size)
        if truth is not None:
            small_truth = shrink_alpha(truth, size)
            self._lag.add(small, small_truth)
            self._ghosts.add(small, small_truth)
        before, self._before = self._before, small
        if before is None or motion is None or motion.trusted.shape != small.shape:
            return {"flicker": None}
        stability = measure_edge_stability(before, small, motion, threshold=self._threshold)
        return {"flicker": measure_flicker(before, small, motion), "edge_stability": stability}

    def _compute_lag_ms(self) -> float | None:
        frames = self._lag.find_lag()
        rate = self._data.rate
        return None if frames is None or rate is None else frames * 1000 / float(rate)

    def _average(self, key: str) -> float | None:
        values = [score.figures.get(key) for score in self._scores]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if known else None

    def _is_bad(self, value: float) -> bool:
        return len(self._worst) < WORST or value < -self._worst[0][0]

    def _keep(self, bad: WorstExample) -> None:
        heapq.heappush(self._worst, (-bad.value, len(self._scores), bad))
        if len(self._worst) > WORST:
            heapq.heappop(self._worst)


class _LabelTally:
    """Counts true and given classes over a data set."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        size = len(scheme.classes)
        self._counts = np.zeros((size, size + 1), np.int64)
        self._known = np.zeros(size, bool)

    def add(
        self, labels: NDArray[np.uint8], classes: tuple[str, ...], truth: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], float | None]:
        """Count one picture; return its labels in the scheme's numbers, and its accuracy."""
        table = self._scheme.make_translation_table(classes)
        self._known[table[table != VOID]] = True
        translated = table[labels]
        counts = metrics.count_confusion(translated, truth, classes=len(self._scheme.classes))
        self._counts += counts
        return translated, _drop_nan(metrics.compute_pixel_accuracy(counts, self._known))

    def summarize(self) -> dict[str, float | None]:
        return {
            "miou": _drop_nan(metrics.compute_mean_iou(self._counts, self._known)),
            "accuracy": _drop_nan(metrics.compute_pixel_accuracy(self._counts, self._known)),
        }

    def get_table(
        self,
    ) -> tuple[tuple[str, ...], tuple[float | None, ...], tuple[tuple[int, ...], ...]]:
        shares = metrics.compute_class_ious(self._counts).tolist()
        shown = [
            _drop_nan(share) if known else None
            for share, known in zip(shares, self._known.tolist(), strict=True)
        ]
        rows = tuple(tuple(row) for row in self._counts.tolist())
        return self._scheme.classes, tuple(shown), rows


def _drop_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def _get_name(sample: Sample) -> str:
    return sample.frame.name or str(sample.frame.index)
