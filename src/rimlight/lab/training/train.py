"""Trains a network on pictures and masks, down to a model file with its card and a report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.lab.training.checkpoint import lock_folder, refuse_another
from rimlight.lab.training.data.find import check_classes, find_samples
from rimlight.lab.training.data.loader import make_batches
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample, Samples
from rimlight.lab.training.losses import make_weighted_loss
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.optimizer import use_precision
from rimlight.lab.training.options import LoopOptions, TrainOptions
from rimlight.lab.training.results import TrainResult, finish
from rimlight.lab.training.trainer import STATE, Batches, Trainer, TrainingCallbacks
from rimlight.lab.training.weight_interpolation import snapshot

_log = logging.getLogger(__name__)

_MAX_WEIGHT = 10.0  # times the middle class: a class of a few pixels must not drown out all others
_COUNTED = 300  # samples
_TOLD = 20
"""How many of the problems of a data set are logged."""


class LabelFeed:
    """Pictures with their labels."""

    def __init__(self, samples: Samples, options: TrainOptions) -> None:
        self._samples = samples
        self._options = options

    def steps(self, batch: int) -> int:
        """Return how many batches an epoch has."""
        return max(1, len(self._samples.train) // batch)  # what is over waits for the next epoch

    def training(self, epoch: int, batch: int) -> Batches:
        """Yield pictures, altered, and labels in a new order."""
        return self._batches(self._samples.train, batch, training=True, epoch=epoch)

    def validation(self, batch: int) -> Batches:
        """Yield pictures and labels as they are."""
        return self._batches(self._samples.validation, batch, training=False, epoch=0)

    def _batches(
        self, samples: tuple[Sample, ...], batch: int, *, training: bool, epoch: int
    ) -> Batches:
        options = self._options
        found: Batches = make_batches(
            samples,
            size=options.network.size,
            batch=batch,
            options=options.data,
            training=training,
            seed=options.seed,
            epoch=epoch,
        )
        return found


def train(
    options: TrainOptions, out: Path, *, watch: TrainingCallbacks | None = None
) -> TrainResult:
    """Train; a folder that holds a part of this training already is gone on with.

    Args:
        options: network, data and how.
        out: the folder for `best.keras` (with `initial_weight_share` also
            `interpolated.keras`), the card of the
            result, `last.npz` (to go on from), `log.csv`, `tensorboard/`, `curves.png` and
            `report.html`; made when it is missing.
        watch: told of every step and epoch.

    Raises:
        ConfigError: the data are unusable, or `out` holds another training, or one is under way.
        ModelError: memory does not hold one picture, the loss is no number any more, or a file
            cannot be written.
    """
    seed_everything(options)
    refuse_another(out / STATE, options.identity)
    samples = find_usable_samples(options)
    with use_precision(mixed=options.mixed_precision):
        model = build_network(options.built_network)
    begun = snapshot(model, options)
    weights = compute_class_weights(samples.train, options.data) if options.class_weights else None
    loss = make_weighted_loss(options.loss, weights)
    feed = LabelFeed(samples, options)
    with lock_folder(out):
        loop = Trainer(model, feed, loss=loss, options=options, out=out, identity=options.identity)
        return finish(loop, options, samples, watch=watch, begun=begun)


def find_usable_samples(options: TrainOptions) -> Samples:
    """Find the pictures and say what is wrong with them.

    Raises:
        ConfigError: there is nothing to train on, or nothing to validate on.
    """
    if not options.data.paths:
        raise ConfigError("there are no pictures to train on", hint="name folders, or data.paths")
    samples = find_samples(options.data)
    log_problems(samples.problems)
    if not samples.validation and len(samples.train) == 1:
        raise ConfigError(
            f"one picture is not enough ({samples.train[0].name}): another must tell how good the "
            "network is",
            hint="add pictures, or name some to validate on in data.validation_paths",
        )
    if not samples.validation:
        raise ConfigError(
            "there is no picture to validate on", hint="set data.validation or validation_paths"
        )
    check_classes(samples, options.data)
    return samples


def log_problems(problems: Sequence[str]) -> None:
    """Log what is wrong with the files of a data set, as far as anybody reads that."""
    for problem in problems[:_TOLD]:
        _log.warning("%s", problem)
    if len(problems) > _TOLD:
        _log.warning("and %d more of the data set's files", len(problems) - _TOLD)


def seed_everything(options: LoopOptions) -> None:
    """Fix all that is random, and the order of sums where that is asked for."""
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()


def compute_class_weights(samples: Sequence[Sample], options: DataOptions) -> NDArray[np.float32]:
    """Return a weight for each class, rarer ones heavier: float32 (classes,), 1 in the middle.

    Median frequency balancing (D. Eigen and R. Fergus, "Predicting Depth, Surface Normals and
    Semantic Labels with a Common Multi-Scale Convolutional Architecture", ICCV 2015): the median
    frequency over the class's own, where a frequency counts only the pictures that show the
    class. Limited to a factor of 10 either way; a class that no picture shows weighs 1.
    """
    seen = np.zeros(len(options.classes))
    shown = np.zeros(len(options.classes))
    for sample in samples[:: max(1, len(samples) // _COUNTED)]:
        _, labels = sample.read()
        counts = np.bincount(labels.ravel(), minlength=256)[: len(options.classes)]
        seen += counts
        shown += (counts > 0) * counts.sum()
    frequency = np.divide(seen, shown, out=np.zeros_like(seen), where=shown > 0)
    middle = np.median(frequency[frequency > 0]) if frequency.any() else 1.0
    weights = np.divide(middle, frequency, out=np.ones_like(seen), where=frequency > 0)
    return weights.clip(1 / _MAX_WEIGHT, _MAX_WEIGHT).astype(np.float32)
