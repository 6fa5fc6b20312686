"""Runs set-ups over data sets, all of them on the same frames, and collects their figures."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError
from rimlight.evaluation.datasets import Data, Sample
from rimlight.evaluation.judge import Judge
from rimlight.evaluation.metrics import Alpha
from rimlight.evaluation.results import Evaluation, Result
from rimlight.evaluation.setups import Setup, labels_at
from rimlight.evaluation.temporal import Motion, MotionEstimator, shrink, working_size
from rimlight.frame import Mask

Shown = Alpha | NDArray[np.uint8]
"""What a set-up made of a frame: an alpha, or class labels in the model's numbers."""

OnSample = Callable[[Data, Sample, Mapping[str, Shown]], None]


def evaluate(
    data: Sequence[Data],
    setups: Sequence[Setup],
    *,
    threshold: float = 0.5,
    on_sample: OnSample | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Run every set-up on every picture and return the figures.

    Args:
        data: the data sets.
        setups: open set-ups; they stay open. Their refiners forget between data sets, and
            between single pictures.
        threshold: an alpha from here up is mask where a yes or no is asked for.
        on_sample: called with each picture and what every set-up made of it, by its name.
        conditions: what else the figures depend on, for the reports.

    Raises:
        ConfigError: two data sets have one name, so that reports could not tell them apart.
        RimlightError: a picture cannot be read or a part fails.
    """
    names = [one.name for one in data]
    if len(set(names)) < len(names):
        raise ConfigError(f"data sets need different names, got {', '.join(names)}")
    results: list[Result] = []
    for one in data:
        results += _evaluate_one(one, setups, threshold, on_sample)
    return Evaluation(tuple(results), {"threshold": threshold, **(conditions or {}), **_machine()})


def _evaluate_one(
    data: Data, setups: Sequence[Setup], threshold: float, on_sample: OnSample | None
) -> list[Result]:
    judges = {setup.name: Judge(setup.name, data, threshold=threshold) for setup in setups}
    follower = _Follower() if data.rate is not None else None
    _forget(setups)
    for sample in data:
        if data.rate is None:
            _forget(setups)
        motion = follower.step(sample) if follower else None
        shown = {s.name: _run(s, sample, data, judges[s.name], motion) for s in setups}
        if on_sample:
            on_sample(data, sample, shown)
    _forget(setups)
    return [judge.result() for judge in judges.values()]


def _run(setup: Setup, sample: Sample, data: Data, judge: Judge, motion: Motion | None) -> Shown:
    watch = _Watch()
    mask = setup.segmenter.segment(sample.frame)
    watch.lap("segment")
    for name, refiner in setup.refiners:
        mask = refiner.refine(mask, sample.frame)
        watch.lap(name)
    if data.scheme is not None:
        return _judge_labels(sample, mask, judge, watch)
    alpha = setup.finish(mask, sample.frame)
    watch.lap("finish")
    judge.time(watch.laps_ms)
    judge.add_alpha(sample, alpha, motion)
    return alpha


def _judge_labels(sample: Sample, mask: Mask, judge: Judge, watch: _Watch) -> Shown:
    labels = labels_at(mask, sample.frame.size)
    watch.lap("finish")
    judge.time(watch.laps_ms)
    judge.add_labels(sample, labels, mask.classes)
    return labels


class _Watch:
    """Times stages that follow each other; a name that comes twice is summed up."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.laps_ms[stage] = self.laps_ms.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now


class _Follower:
    """Finds the motion from frame to frame once, for all set-ups."""

    def __init__(self) -> None:
        self._estimator = MotionEstimator()
        self._before: NDArray[np.uint8] | None = None

    def step(self, sample: Sample) -> Motion | None:
        """Return the motion since the frame before; None for the first of a size."""
        grey = shrink(sample.frame.bgr, working_size(sample.frame.size))
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape:
            return None
        return self._estimator.between(before, grey)


def _forget(setups: Sequence[Setup]) -> None:
    for setup in setups:
        setup.forget()


def _machine() -> dict[str, Any]:
    return {
        "rimlight": version("rimlight"),
        "opencv": cv2.__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
