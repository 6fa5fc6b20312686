"""Runs set-ups over data sets, all of them on the same frames, and collects their figures."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.lab.evaluation.datasets import Dataset, Sample
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.results import Evaluation, Result
from rimlight.lab.evaluation.scorer import SetupScorer
from rimlight.lab.evaluation.setups import Setup, upscale_labels
from rimlight.lab.evaluation.temporal_metrics import (
    Motion,
    MotionEstimator,
    choose_working_size,
    shrink_to_gray,
)

Shown = Alpha | NDArray[np.uint8]
"""What a set-up made of a frame: an alpha, or class labels in the model's numbers."""

OnSample = Callable[[Dataset, Sample, Mapping[str, Shown]], None]


def evaluate(
    data: Sequence[Dataset],
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
    return Evaluation(
        tuple(results), {"threshold": threshold, **(conditions or {}), **describe_machine()}
    )


def _evaluate_one(
    data: Dataset, setups: Sequence[Setup], threshold: float, on_sample: OnSample | None
) -> list[Result]:
    judges = {setup.name: SetupScorer(setup.name, data, threshold=threshold) for setup in setups}
    follower = MotionFollower() if data.rate is not None else None
    _forget_streams(setups)
    runs = [_SetupRun(setup, data, judges[setup.name]) for setup in setups]
    pending: deque[_Pending] = deque()
    for sample in data:
        if data.rate is None:
            _forget_streams(setups)
        pending.append(_Pending(sample, follower.advance(sample) if follower else None))
        for run in runs:
            run.advance(pending)
        _show(pending, data, on_sample, count=len(setups))
    for run in runs:
        run.finish(pending)
    _show(pending, data, on_sample, count=len(setups))
    _forget_streams(setups)
    return [judge.get_result() for judge in judges.values()]


@dataclass
class _Pending:
    """A picture until every set-up has its mask: some wait for pictures to come."""

    sample: Sample
    motion: Motion | None
    shown: dict[str, Shown] = field(default_factory=dict)


def _show(
    pending: deque[_Pending], data: Dataset, on_sample: OnSample | None, *, count: int
) -> None:
    """Pass on the pictures, in order, that all of `count` set-ups have a mask of."""
    while pending and len(pending[0].shown) == count:
        done = pending.popleft()
        if on_sample:
            on_sample(data, done.sample, done.shown)


class _SetupRun:
    """One set-up on its way through the data, judged picture by picture."""

    def __init__(self, setup: Setup, data: Dataset, judge: SetupScorer) -> None:
        self._setup, self._data, self._judge = setup, data, judge
        # Single pictures are not of one scene: nothing comes after any of them.
        self._ahead = setup.lookahead if data.rate is not None else None

    def advance(self, pending: Sequence[_Pending]) -> None:
        """Make the mask of the last of `pending`; judge those that are final."""
        frame = pending[-1].sample.frame
        watch = _Stopwatch()
        mask = self._setup.segmenter.segment(frame)
        watch.add_lap("segment")
        for name, refiner in self._setup.refiners:
            mask = refiner.refine(mask, frame)
            watch.add_lap(name)
        due = self._ahead.push(frame, mask) if self._ahead else [(frame, mask)]
        if self._ahead:
            watch.add_lap("ahead")
        self._score_all(due, pending, watch)
        self._judge.add_times(watch.laps_ms)

    def finish(self, pending: Sequence[_Pending]) -> None:
        """Judge what still waits for pictures to come."""
        if self._ahead:
            self._score_all(self._ahead.flush(), pending, _Stopwatch())

    def _score_all(
        self, due: Iterable[tuple[Frame, Mask]], pending: Sequence[_Pending], watch: _Stopwatch
    ) -> None:
        mine = (one for one in pending if self._setup.name not in one.shown)
        for one, (_, mask) in zip(mine, due, strict=False):
            one.shown[self._setup.name] = self._score(one, mask, watch)

    def _score(self, one: _Pending, mask: Mask, watch: _Stopwatch) -> Shown:
        if self._data.scheme is not None:
            labels = upscale_labels(mask, one.sample.frame.size)
            watch.add_lap("finish")
            self._judge.add_labels(one.sample, labels, mask.classes)
            return labels
        alpha = self._setup.finish(mask, one.sample.frame)
        watch.add_lap("finish")
        self._judge.add_alpha(one.sample, alpha, one.motion)
        return alpha


class _Stopwatch:
    """Times stages that follow each other; a name that comes twice is summed up."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.monotonic()

    def add_lap(self, stage: str) -> None:
        now = time.monotonic()
        self.laps_ms[stage] = self.laps_ms.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now


class MotionFollower:
    """Finds the motion from frame to frame once, for all set-ups."""

    def __init__(self) -> None:
        self._estimator = MotionEstimator()
        self._before: NDArray[np.uint8] | None = None

    def advance(self, sample: Sample) -> Motion | None:
        """Return the motion since the frame before; None for the first of a size."""
        gray = shrink_to_gray(sample.frame.bgr, choose_working_size(sample.frame.size))
        before, self._before = self._before, gray
        if before is None or before.shape != gray.shape:
            return None
        return self._estimator.estimate(before, gray)


def _forget_streams(setups: Sequence[Setup]) -> None:
    for setup in setups:
        setup.forget()


def describe_machine() -> dict[str, Any]:
    """Return what figures depend on besides the data: versions and processor."""
    return {
        "rimlight": version("rimlight"),
        "opencv": cv2.__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
