"""The learning rate over the epochs."""

from __future__ import annotations

import math

from rimlight.lab.training.loop_options import ScheduleOptions


class Schedule:
    """Says the rate of every step.

    Args:
        options: which schedule.
        rate: the rate to start from.
        epochs: how many are planned: the first cosine cycle, unless the options name one.
    """

    def __init__(self, options: ScheduleOptions, *, rate: float, epochs: int) -> None:
        self._options = options
        self._rate = rate
        self._cycle = options.cycle or max(epochs - options.warmup, 1e-9)
        self.factor = 1.0
        self.best = -math.inf
        self.waited = 0

    def rate(self, progress: float) -> float:
        """Return the rate at `progress` epochs since the start; 2.5 is amid the third one."""
        options = self._options
        if progress < options.warmup:
            return self._rate * (progress + 1e-3) / (options.warmup + 1e-3)
        if options.name == "cosine":
            return self._rate * self._cosine(progress - options.warmup)
        return self._rate * self.factor

    def judge(self, score: float) -> None:
        """Take note of an epoch's validation; the rate falls after `patience` that are no better.

        Args:
            score: more is better.
        """
        if score > self.best:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self._options.name == "plateau" and self.waited >= self._options.patience:
            self.factor = max(self.factor * self._options.factor, self._options.least)
            self.waited = 0

    def _cosine(self, since: float) -> float:
        """Return the share of the rate (SGDR: Loshchilov and Hutter, ICLR 2017)."""
        options = self._options
        length, height = self._cycle, 1.0
        while since >= length:
            since -= length
            length *= options.stretch
            height *= options.drop
        wave = height * (1 + math.cos(math.pi * since / length)) / 2
        return (1 - options.least) * wave + options.least
