"""Samples as arrays and batches of the size of the network, altered reproducibly."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.core.errors import RimlightError
from rimlight.lab.training.data.augment import (
    View,
    distort,
    draw_random_view,
    make_whole_view,
    paste,
)
from rimlight.lab.training.data.folders import index_images
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample, read_image

Image = NDArray[np.uint8]


class Loader:
    """Reads samples. What it gives depends on seed, epoch and sample alone, not on the order.

    Args:
        samples: what can be asked for, by index; what is pasted comes before others of them.
        size: (width, height) of the network's input.
        options: how a picture fits, and how it is altered.
        training: alter it; else all of it is shown as it is.
        seed: 0 or more.
        epoch: 0 or more.

    Raises:
        ConfigError: a folder of backgrounds holds no pictures.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        size: tuple[int, int],
        options: DataOptions,
        training: bool,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        self._samples = samples
        self._size = size
        self._options = options
        self._training = training
        self._seeds = (seed, epoch)
        self._backgrounds = _load_backgrounds(options) if training else ()

    def order(self) -> NDArray[np.int64]:
        """Return the indices of all samples: shuffled for training, else rising."""
        count = len(self._samples)
        if not self._training:
            return np.arange(count)
        return np.random.default_rng(self._seeds).permutation(count)

    def load(self, index: int) -> tuple[Image, Image]:
        """Return RGB uint8 (h, w, 3) and labels uint8 (h, w).

        Raises:
            ConfigError: a file cannot be read.
        """
        picture, labels, _ = self.load_with_view(index)
        return picture, labels

    def load_with_view(self, index: int) -> tuple[Image, Image, View]:
        """Return picture and labels as `load`, and the view that they are of the sample's file.

        With a view, a teacher's scores of the whole picture follow it: `View.scores`. Pasting
        would break that, so `copy_paste` must be 0 for it.

        Raises:
            ConfigError: a file cannot be read.
        """
        sample = self._samples[index]
        rng = np.random.default_rng((*self._seeds, zlib.crc32(sample.name.encode())))
        image, labels = sample.read()
        view = self._draw_view(rng, image)
        image, labels = view.picture(image), view.labels(labels)
        if self._training:
            if rng.random() < self._options.augment.copy_paste:
                image, labels = paste(image, labels, *self._choose_background(rng))
            image = distort(rng, image, self._options.augment)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False), labels, view

    def _draw_view(self, rng: np.random.Generator, image: Image) -> View:
        source, options = (image.shape[1], image.shape[0]), self._options
        if self._training:
            return draw_random_view(
                rng, source, self._size, fit=options.fit, augment=options.augment
            )
        return make_whole_view(source, self._size, options.fit)

    def _choose_background(self, rng: np.random.Generator) -> tuple[Image, Image]:
        """Return a picture and its labels to paste into: pure background, or another sample."""
        if self._backgrounds:
            image = read_image(self._backgrounds[int(rng.integers(len(self._backgrounds)))])
            labels = np.zeros(image.shape[:2], np.uint8)
        else:
            image, labels = self._samples[int(rng.integers(len(self._samples)))].read()
        view = self._draw_view(rng, image)
        return view.picture(image), view.labels(labels)


def _load_backgrounds(options: DataOptions) -> tuple[Path, ...]:
    folders = options.augment.backgrounds
    return tuple(path for folder in folders for path in index_images(folder).values())


def make_batches(
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
        batch: pictures at a time; see `batch_samples`.
        options: how pictures fit and how they are altered.
        training: shuffle and alter.
        seed: 0 or more.
        epoch: 0 or more.

    Raises:
        ConfigError: a file cannot be read.
    """
    loader = Loader(samples, size=size, options=options, training=training, seed=seed, epoch=epoch)
    return batch_samples(loader.load, loader.order(), size=size, batch=batch, training=training)


def batch_samples(
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
