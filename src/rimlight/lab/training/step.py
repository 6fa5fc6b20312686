"""One step of an optimizer, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from rimlight.lab.training.average import RunningMean
from rimlight.lab.training.loop_options import LoopOptions
from rimlight.lab.training.losses import Loss


def make_optimizer(options: LoopOptions) -> Any:
    """Return the optimizer; its learning rate is set at every step."""
    chosen = options.optimizer
    kind = keras.optimizers.AdamW if chosen.name == "adamw" else keras.optimizers.Adam
    extra = {"weight_decay": chosen.weight_decay} if chosen.name == "adamw" else {}
    optimizer = kind(
        chosen.rate,
        global_clipnorm=chosen.clip_norm,
        gradient_accumulation_steps=options.accumulate if options.accumulate > 1 else None,
        **extra,
    )
    if chosen.name == "adamw":  # decayed scales and shifts would fight what they normalize
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return keras.optimizers.LossScaleOptimizer(optimizer) if options.mixed_precision else optimizer


@contextmanager
def precision(*, mixed: bool) -> Iterator[None]:
    """Let networks built in the block compute in float16 if `mixed`; weights stay float32."""
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compiled_step(
    model: Any, loss: Loss, optimizer: Any, average: RunningMean
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
