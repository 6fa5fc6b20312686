"""Samples as batches of tensors, read by several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.core.errors import RimlightError
from rimlight.lab.training.data.loader import Loader
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample


def batches(
    samples: Sequence[Sample],
    *,
    size: tuple[int, int],
    batch: int,
    options: DataOptions,
    training: bool,
    seed: int = 0,
    epoch: int = 0,
) -> Iterator[tuple[Any, Any]]:
    """Yield the pictures and labels of one epoch.

    Order and alterations depend on `seed`, `epoch` and the samples alone, so that a run that was
    broken off goes on with just what it would have seen.

    Args:
        samples: at least one.
        size: (width, height) of the network's input.
        batch: pictures at a time; see `in_batches`.
        options: how pictures fit and how they are altered.
        training: shuffle and alter.
        seed: 0 or more.
        epoch: 0 or more.

    Raises:
        ConfigError: a file cannot be read.
    """
    loader = Loader(samples, size=size, options=options, training=training, seed=seed, epoch=epoch)
    return in_batches(loader.load, loader.order(), size=size, batch=batch, training=training)


def in_batches(
    read: Callable[[int], tuple[Any, ...]],
    order: Sequence[int] | NDArray[np.int64],
    *,
    size: tuple[int, int],
    batch: int,
    training: bool,
    classes: int | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Yield what `read` gives, as tensors.

    Args:
        read: from a number to a picture, RGB uint8 (h, w, 3), its labels, uint8 (h, w), and, where
            there are `classes`, scores, float32 (h, w, classes).
        order: of the numbers, at least one.
        size: (width, height) of the pictures.
        batch: pictures at a time. In training all batches have that many, the rest of an epoch
            waits for the next one; fewer than that in all are one smaller batch.
        training: see `batch`.
        classes: of the scores; None: there are none.

    Yields:
        float32 (b, h, w, 3), RGB in 0..1, and int32 (b, h, w), `IGNORED` (255) where no label
        counts; with `classes`, a pair of these labels and float32 (b, h, w, classes).

    Raises:
        RimlightError: `read` raised it. TensorFlow would tell of it in words of its own.
    """
    shapes = [(size[1], size[0], 3), (size[1], size[0])]
    shapes += [(size[1], size[0], classes)] if classes else []
    kinds = (np.uint8, np.uint8, np.float32)[: len(shapes)]
    failures: list[RimlightError] = []

    def told(number: int) -> tuple[Any, ...]:
        try:
            return read(number)
        except RimlightError as exc:
            failures.append(exc)
            return tuple(np.zeros(*blank) for blank in zip(shapes, kinds, strict=True))

    def load(number: Any) -> tuple[Any, Any]:
        found = tf.numpy_function(told, [number], kinds)
        picture, labels, *scores = map(tf.ensure_shape, found, shapes)
        labels = tf.cast(labels, tf.int32)
        return tf.cast(picture, tf.float32) / 255.0, (labels, *scores) if scores else labels

    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(order, np.int64))
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    whole = training and len(order) >= batch
    for pictures, targets in dataset.batch(batch, drop_remainder=whole).prefetch(tf.data.AUTOTUNE):
        if failures:
            raise failures[0]
        yield pictures, targets
