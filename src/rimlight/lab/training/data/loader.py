"""Samples as arrays of the network's size, altered for training the same way every time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.distort import distort
from rimlight.lab.training.data.folders import pictures_by_name
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.paste import paste
from rimlight.lab.training.data.samples import Sample, read_image
from rimlight.lab.training.data.view import View, random_view, whole_view

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
        self._backgrounds = _backgrounds(options) if training else ()

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
        view = self._view(rng, image)
        image, labels = view.picture(image), view.labels(labels)
        if self._training:
            if rng.random() < self._options.augment.copy_paste:
                image, labels = paste(image, labels, *self._behind(rng))
            image = distort(rng, image, self._options.augment)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False), labels, view

    def _view(self, rng: np.random.Generator, image: Image) -> View:
        source, options = (image.shape[1], image.shape[0]), self._options
        if self._training:
            return random_view(rng, source, self._size, fit=options.fit, augment=options.augment)
        return whole_view(source, self._size, options.fit)

    def _behind(self, rng: np.random.Generator) -> tuple[Image, Image]:
        """Return a picture and its labels to paste into: pure background, or another sample."""
        if self._backgrounds:
            image = read_image(self._backgrounds[int(rng.integers(len(self._backgrounds)))])
            labels = np.zeros(image.shape[:2], np.uint8)
        else:
            image, labels = self._samples[int(rng.integers(len(self._samples)))].read()
        view = self._view(rng, image)
        return view.picture(image), view.labels(labels)


def _backgrounds(options: DataOptions) -> tuple[Path, ...]:
    folders = options.augment.backgrounds
    return tuple(path for folder in folders for path in pictures_by_name(folder).values())
