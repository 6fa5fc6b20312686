"""Samples as tf.data batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.training.data.loader import Loader
from rimlight.training.data.options import DataOptions
from rimlight.training.data.samples import Sample

Teacher = Callable[[Sample], NDArray[np.float32]]


def batches(
    samples: Sequence[Sample],
    *,
    size: tuple[int, int],
    batch: int,
    options: DataOptions,
    training: bool,
    seed: int = 0,
    epoch: int = 0,
) -> Any:
    """Return one epoch: a tf.data.Dataset of pictures and labels.

    Order and alterations depend on `seed`, `epoch` and the samples alone, so that a run that was
    broken off goes on with just what it would have seen.

    Args:
        samples: at least one.
        size: (width, height) of the network's input.
        batch: pictures at a time. In training all batches have that many, the rest of an epoch
            waits for the next one; fewer samples than that are one smaller batch.
        options: how pictures fit and how they are altered.
        training: shuffle and alter.
        seed: 0 or more.
        epoch: 0 or more.

    Returns:
        Batches of float32 (b, h, w, 3), RGB in 0..1, and int32 (b, h, w), `IGNORED` (255) where
        no label counts.
    """
    loader = Loader(samples, size=size, options=options, training=training, seed=seed, epoch=epoch)

    def load(index: Any) -> tuple[Any, Any]:
        picture, labels = tf.numpy_function(loader.load, [index], (tf.uint8, tf.uint8))
        return _as_tensors(picture, labels, size)

    return _in_batches(loader.order(), load, batch, training=training)


def taught_batches(
    samples: Sequence[Sample],
    teacher: Teacher,
    *,
    size: tuple[int, int],
    batch: int,
    options: DataOptions,
    training: bool,
    seed: int = 0,
    epoch: int = 0,
) -> Any:
    """Return one epoch of `batches`, with what a teacher says of each picture beside it.

    Args:
        samples: at least one; of unlabelled ones every label is `IGNORED`.
        teacher: from a sample to scores float32 (h, w, classes) of its whole picture, at any
            resolution; they follow the picture through crops and turns.
        size: as in `batches`, and so are the rest.
        batch: see there.
        options: `augment.copy_paste` must be 0: what is pasted, no teacher has seen.
        training: see there.
        seed: see there.
        epoch: see there.

    Returns:
        Batches of pictures, labels, and float32 scores (b, h, w, classes), 0 beside the picture.

    Raises:
        ValueError: `copy_paste` is not 0.
    """
    if training and options.augment.copy_paste:
        raise ValueError("copy_paste must be 0 for pictures that a teacher labels")
    loader = Loader(samples, size=size, options=options, training=training, seed=seed, epoch=epoch)

    def read(index: int) -> tuple[Any, Any, Any]:
        picture, labels, view = loader.load_with_view(index)
        return picture, labels, view.scores(teacher(samples[index]))

    def load(index: Any) -> tuple[Any, Any, Any]:
        kinds = (tf.uint8, tf.uint8, tf.float32)
        picture, labels, scores = tf.numpy_function(read, [index], kinds)
        scores = tf.ensure_shape(scores, (size[1], size[0], None))
        return (*_as_tensors(picture, labels, size), scores)

    return _in_batches(loader.order(), load, batch, training=training)


def _as_tensors(picture: Any, labels: Any, size: tuple[int, int]) -> tuple[Any, Any]:
    picture = tf.ensure_shape(picture, (size[1], size[0], 3))
    labels = tf.ensure_shape(labels, (size[1], size[0]))
    return tf.cast(picture, tf.float32) / 255.0, tf.cast(labels, tf.int32)


def _in_batches(order: Any, load: Any, batch: int, *, training: bool) -> Any:
    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(order, np.int64))
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    whole = training and len(order) >= batch
    return dataset.batch(batch, drop_remainder=whole).prefetch(tf.data.AUTOTUNE)
