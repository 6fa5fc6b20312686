"""A running mean of a network's weights, which scores better than the last step's do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class RunningMean:
    """Follows a model's weights and statistics (Polyak and Juditsky 1992).

    The mean of the first steps is short, so that it does not remember the random start.

    Args:
        model: whose variables to follow.
        decay: how much of the mean remains at a step; 0: the mean is the model itself.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self._decay = decay
        self._followed = [v for v in model.variables if str(v.dtype).startswith("float")]
        self.variables = [tf.Variable(v.value, trainable=False) for v in self._followed]
        self._steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.variables.append(self._steps)

    def update(self) -> None:
        """Take in the model's weights; part of the compiled step."""
        steps = tf.cast(self._steps.assign_add(1), tf.float32)
        decay = tf.minimum(self._decay, (1 + steps) / (10 + steps)) if self._decay else 0.0
        for mean, variable in zip(self.variables, self._followed, strict=False):
            value = tf.convert_to_tensor(variable.value)
            mean.assign(value + decay * (mean - value))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the mean into the model for as long as the block runs."""
        before = [tf.identity(variable.value) for variable in self._followed]
        self._fill(self.variables)
        try:
            yield
        finally:
            self._fill(before)

    def _fill(self, values: list[Any]) -> None:
        for variable, value in zip(self._followed, values, strict=False):
            variable.assign(value)
