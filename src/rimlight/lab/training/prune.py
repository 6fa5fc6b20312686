"""Takes weights or filters from a trained network and trains what is left."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.core.errors import ConfigError, ModelFormatError, ModelNotFoundError
from rimlight.lab.training.checkpoint import load_facts, lock_folder
from rimlight.lab.training.compression_options import PruneOptions
from rimlight.lab.training.conversion import to_tflite
from rimlight.lab.training.data.samples import Samples
from rimlight.lab.training.losses import make_weighted_loss
from rimlight.lab.training.metrics import score_network
from rimlight.lab.training.options import TrainOptions
from rimlight.lab.training.pruning_methods import (
    Masks,
    compute_polynomial_sparsity,
    measure_zero_share,
    remove_filters,
)
from rimlight.lab.training.results import TrainResult, finish
from rimlight.lab.training.train import (
    LabelFeed,
    compute_class_weights,
    find_usable_samples,
    seed_everything,
)
from rimlight.lab.training.trainer import STATE, Trainer, TrainingCallbacks
from rimlight.segmenters.keras import open_keras

UPDATES = 10
"""How often in an epoch more weights become zero."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A network in numbers.

    Attributes:
        miou: on the pictures that were held back.
        parameters: how many.
        zeros: the share of zeros, in 0..1, among the weights that can be pruned.
        file_bytes: of the TensorFlow Lite file, float32.
        packed_bytes: of the same after gzip.
    """

    miou: float
    parameters: int
    zeros: float
    file_bytes: int
    packed_bytes: int


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What came out of pruning: `before` and `after` in numbers, and the training between."""

    before: Figures
    after: Figures
    trained: TrainResult


def read_trained_options(file: Path) -> Mapping[str, Any] | None:
    """Return the options that `file` was trained with, from its folder; None without.

    Raises:
        ModelNotFoundError: there is no `file`.
        ConfigError: what lies there is not the state of a training.
    """
    if not file.is_file():
        raise ModelNotFoundError(f"there is no model file {file}", hint="check the path")
    state = file.with_name(STATE)
    identity: Mapping[str, Any] | None = None
    if state.is_file():
        identity = load_facts(state)["identity"]
    return identity


def prune(
    file: Path,
    options: PruneOptions,
    training: TrainOptions,
    out: Path,
    *,
    watch: TrainingCallbacks | None = None,
) -> PruneResult:
    """Prune a trained network; a folder that holds a part of this pruning is gone on with.

    Args:
        file: a .keras file whose input and classes are those of `training`.
        options: what goes, and how much.
        training: the data, and how the rest is trained.
        out: the folder for what a training writes; `best.keras` in it is pruned in full.
        watch: told of every step and epoch.

    Raises:
        ModelNotFoundError: there is no `file`.
        ModelFormatError: Keras does not open it, or it is another network than `training` needs.
        ConfigError: the data are unusable, or `out` holds another training or `file` itself.
        ModelError: it has no filters to take, memory does not hold one picture, or a file cannot
            be written.
    """
    if file.resolve().parent == out.resolve():
        raise ConfigError(f"{out} holds the model itself", hint="choose another output folder")
    seed_everything(training)
    model = _open_model(file, training)
    samples = find_usable_samples(training)
    feed = LabelFeed(samples, training)
    before = _measure(model, feed, training)
    run = _Run(options, training, samples, feed, out, watch or TrainingCallbacks())
    with lock_folder(out):
        trained = (
            run.prune_filters(model) if options.what == "filters" else run.prune_weights(model)
        )
    pruned = open_keras(trained.model)
    return PruneResult(before, _measure(pruned, feed, training), trained)


@dataclass(frozen=True, slots=True)
class _Run:
    options: PruneOptions
    training: TrainOptions
    samples: Samples
    feed: LabelFeed
    out: Path
    watch: TrainingCallbacks

    def prune_filters(self, model: Any) -> TrainResult:
        smaller = remove_filters(model, self.options.sparsity)
        return self._finish(self._make_trainer(smaller, self.training, self.out))

    def prune_weights(self, model: Any) -> TrainResult:
        """First the zeros come, then the rest is trained with all of them.

        In two loops, so that the best epoch is one of those with all zeros, and the running mean
        of the weights holds nothing from before.
        """
        share = self.options.ramp
        rising = max(1, round(share * self.training.epochs))
        tuning = max(1, self.training.epochs - rising)
        masks = Masks(model)
        first = self._limit(rising, share).model_copy(update={"early_stopping_patience": None})
        ramp = self._make_trainer(model, first, self.out / "ramp")
        masks.prune(compute_polynomial_sparsity(len(ramp.epochs) / rising, self.options.sparsity))
        if not (self.out / STATE).exists():
            ramp.run(TrainingCallbacks(self._make_on_step(masks, rising), self.watch.on_epoch))
        masks.prune(self.options.sparsity)
        result = self._finish(self._make_trainer(model, self._limit(tuning, 1 - share), self.out))
        masks.release()
        return result

    def _make_on_step(self, masks: Masks, epochs: int) -> Any:
        def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
            if step % max(1, steps // UPDATES) == 0 or step == steps:
                progress = (epoch - 1 + step / steps) / epochs
                masks.prune(compute_polynomial_sparsity(progress, self.options.sparsity))
            self.watch.on_step(epoch, step, steps, loss)

        return on_step

    def _limit(self, epochs: int, share: float) -> TrainOptions:
        minutes = self.training.max_minutes and share * self.training.max_minutes
        return self.training.model_copy(update={"epochs": epochs, "max_minutes": minutes})

    def _make_trainer(self, model: Any, training: TrainOptions, out: Path) -> Trainer:
        seen = self.samples.train
        weights = compute_class_weights(seen, training.data) if training.class_weights else None
        loss = make_weighted_loss(training.loss, weights)
        pruning = {"pruning": self.options.model_dump(mode="json")}
        identity = {**training.identity, **pruning}
        return Trainer(model, self.feed, loss=loss, options=training, out=out, identity=identity)

    def _finish(self, loop: Trainer) -> TrainResult:
        return finish(loop, self.training, self.samples, watch=self.watch)


def _open_model(file: Path, training: TrainOptions) -> Any:
    model = open_keras(file)
    (width, height), classes = training.network.size, len(training.data.classes)
    found, wanted = model.output_shape, (None, height, width, classes)
    if found != wanted:
        raise ModelFormatError(
            f"{file} gives {found[1:]}, its training would need {wanted[1:]} "
            "(height, width, classes)",
            hint="give the configuration file that it was trained with",
        )
    return model


def _measure(model: Any, feed: LabelFeed, training: TrainOptions) -> Figures:
    scores = score_network(lambda x: model(x, training=False), feed.validation(training.batch_size))
    content = to_tflite(model, float16=False)
    return Figures(
        miou=scores.miou,
        parameters=int(model.count_params()),
        zeros=measure_zero_share(model),
        file_bytes=len(content),
        packed_bytes=len(gzip.compress(content, mtime=0)),
    )
