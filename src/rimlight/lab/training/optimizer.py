"""One step of training: optimizer, learning rate and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from rimlight.lab.training.losses import Loss
from rimlight.lab.training.options import LoopOptions, ScheduleOptions


def make_optimizer(options: LoopOptions) -> Any:
    """Return the optimizer; its learning rate is set at every step."""
    chosen = options.optimizer
    kind = keras.optimizers.AdamW if chosen.name == "adamw" else keras.optimizers.Adam
    extra = {"weight_decay": chosen.weight_decay} if chosen.name == "adamw" else {}
    optimizer = kind(
        chosen.learning_rate,
        global_clipnorm=chosen.clip_norm,
        gradient_accumulation_steps=options.gradient_accumulation
        if options.gradient_accumulation > 1
        else None,
        **extra,
    )
    if chosen.name == "adamw":  # decayed scales and shifts would fight what they normalize
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return keras.optimizers.LossScaleOptimizer(optimizer) if options.mixed_precision else optimizer


@contextmanager
def use_precision(*, mixed: bool) -> Iterator[None]:
    """Let networks built in the block compute in float16 if `mixed`; weights stay float32."""
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_step(
    model: Any, loss: Loss, optimizer: Any, average: WeightEma
) -> Callable[[Any, Any], Any]:
    """Return a function from (pictures, targets) to the loss before the step that it makes."""
    variables = model.trainable_variables
    optimizer.build(variables)

    def step(pictures: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, model(pictures, training=True))
            total = tf.add_n([value, *model.losses])
            scaled = optimizer.scale_loss(total)
        optimizer.apply(tape.gradient(scaled, variables), variables)
        average.update()
        return value

    compiled: Callable[[Any, Any], Any] = tf.function(step, reduce_retracing=True)
    return compiled


def set_rate(optimizer: Any, rate: float) -> None:
    """Set the learning rate of the next step."""
    getattr(optimizer, "inner_optimizer", optimizer).learning_rate.assign(rate)


class Schedule:
    """Computes the learning rate of every step, in epochs since the start.

    A plateau is ours: Keras' `ReduceLROnPlateau` is a callback of `fit` whose state no checkpoint
    holds, so that a resumed training would not follow the same curve.

    Args:
        options: which schedule.
        rate: the rate to start from.
        epochs: how many are planned: the first cosine cycle, unless the options name one.
    """

    def __init__(self, options: ScheduleOptions, *, rate: float, epochs: int) -> None:
        self._options = options
        self._rate = rate
        self._cosine = keras.optimizers.schedules.CosineDecayRestarts(
            rate,
            options.cycle or max(epochs - options.warmup, 1e-9),
            t_mul=options.t_mul,
            m_mul=options.m_mul,
            alpha=options.alpha,
        )
        self.factor = 1.0
        self.best = -math.inf
        self.waited = 0

    def compute_rate(self, progress: float) -> float:
        """Return the rate at `progress` epochs since the start; 2.5 is amid the third one."""
        options = self._options
        if progress < options.warmup:
            return self._rate * (progress + 1e-3) / (options.warmup + 1e-3)
        if options.name == "cosine":
            return float(self._cosine(progress - options.warmup))
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
            self.factor = max(self.factor * self._options.factor, self._options.alpha)
            self.waited = 0


class WeightEma:
    """Follows a model's weights and statistics (Polyak and Juditsky 1992).

    The mean of the first steps is short, so that it does not remember the random start. Keras'
    `use_ema` follows trainable weights only and starts from the random ones.

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
    def apply_temporarily(self) -> Iterator[None]:
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
