"""Distillation: a small network learns what a larger one answers, doubt included.

After G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from rimlight.core.errors import ConfigError
from rimlight.lab.training.checkpoint import lock_folder, refuse_another
from rimlight.lab.training.compression_options import DistillOptions
from rimlight.lab.training.data.find import check_classes, find_samples
from rimlight.lab.training.data.loader import Loader, batch_samples
from rimlight.lab.training.data.options import IGNORED, DataOptions
from rimlight.lab.training.data.samples import Sample, Samples
from rimlight.lab.training.data.splits import split
from rimlight.lab.training.data.unlabeled import find_unlabeled_samples
from rimlight.lab.training.losses import Loss, make_distillation_loss, make_weighted_loss
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.optimizer import use_precision
from rimlight.lab.training.results import TrainResult, finish
from rimlight.lab.training.teacher import TeacherPredictions
from rimlight.lab.training.train import compute_class_weights, log_problems, seed_everything
from rimlight.lab.training.trainer import STATE, Batches, Trainer, TrainingCallbacks
from rimlight.lab.training.weight_interpolation import snapshot

_log = logging.getLogger(__name__)

OnPicture = Callable[[int, int], None]
Read = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class RepeatedSamples:
    """Samples that an epoch shows `passes` times."""

    samples: tuple[Sample, ...]
    passes: int


class DistillationFeed:
    """Pictures with labels, where there are any, and the teacher's answers.

    Validation asks for labels; of pictures without any, for what the teacher finds.
    """

    def __init__(
        self,
        parts: Sequence[RepeatedSamples],
        kept: Sequence[Sample],
        options: DistillOptions,
        told: TeacherPredictions,
    ) -> None:
        self._parts = parts
        self._kept = kept
        self._options = options
        self._answers = told

    def steps(self, batch: int) -> int:
        """Return how many batches an epoch has; what is over waits for the next one."""
        return max(1, sum(len(part.samples) * part.passes for part in self._parts) // batch)

    def training(self, epoch: int, batch: int) -> Batches:
        """Yield pictures, and labels with answers, in a new order."""
        reads = [
            read
            for part in self._parts
            for turn in range(part.passes)
            for read in self._make_reads(part.samples, epoch * part.passes + turn, training=True)
        ]
        order = np.random.default_rng((self._options.seed, epoch)).permutation(len(reads))
        return self._batches([reads[at] for at in order], batch, training=True)

    def validation(self, batch: int) -> Batches:
        """Yield pictures and labels as they are."""
        reads = self._make_reads(self._kept, 0, training=False)
        for pictures, (labels, answers) in self._batches(reads, batch, training=False):
            taught = np.argmax(answers, axis=-1)
            unlabeled = np.all(np.asarray(labels) == IGNORED, axis=(1, 2), keepdims=True)
            yield pictures, tf.constant(np.where(unlabeled, taught, labels), tf.int32)

    def _make_reads(self, samples: Sequence[Sample], epoch: int, *, training: bool) -> list[Read]:
        """Return what reads each sample and the teacher's answer, altered alike."""
        options = self._options
        loader = Loader(
            samples,
            size=options.network.size,
            options=_disable_copy_paste(options.data),
            training=training,
            seed=options.seed,
            epoch=epoch,
        )

        def read(index: int) -> tuple[Any, ...]:
            picture, labels, view = loader.load_with_view(index)
            return picture, labels, view.scores(self._answers.read(samples[index]))

        return [partial(read, index) for index in range(len(samples))]

    def _batches(self, reads: Sequence[Read], batch: int, *, training: bool) -> Batches:
        return batch_samples(
            lambda number: reads[number](),
            range(len(reads)),
            size=self._options.network.size,
            batch=batch,
            training=training,
            classes=len(self._options.data.classes),
        )


def distill(
    options: DistillOptions,
    out: Path,
    *,
    watch: TrainingCallbacks | None = None,
    on_picture: OnPicture = lambda *_: None,
) -> TrainResult:
    """Train a student; a folder that holds a part of this training already is gone on with.

    Args:
        options: student, teacher, pictures and how.
        out: as for `train`; and `teacher/` for the teacher's answers, `frames/` for those of clips.
        watch: told of every step and epoch.
        on_picture: told of how many pictures the teacher has answered.

    Raises:
        ConfigError: there is no picture, or `out` holds another training, or one is under way.
        ModelError: the teacher does not open; or as in `train`.
    """
    seed_everything(options)
    refuse_another(out / STATE, options.identity)
    with lock_folder(out):
        return _distill(options, out, watch, on_picture)


def _distill(
    options: DistillOptions, out: Path, watch: TrainingCallbacks | None, on_picture: OnPicture
) -> TrainResult:
    labeled, plainly = _find_labeled(options.data), _find_unlabeled(options, out / "frames")
    samples = Samples((*labeled.train, *plainly.train), (*labeled.validation, *plainly.validation))
    if not samples.train or not samples.validation:
        raise ConfigError("there are too few pictures", hint="name folders of pictures, or clips")
    with use_precision(mixed=options.mixed_precision):
        model = build_network(options.built_network)
    begun = snapshot(model, options)
    answers = TeacherPredictions(out / "teacher", options.teacher, options.data.classes)
    answers.prepare((*samples.train, *samples.validation), on_picture)
    parts = [
        RepeatedSamples(labeled.train, options.labeled_passes),
        RepeatedSamples(plainly.train, options.passes),
    ]
    by_labels = _make_label_loss(options, labeled)
    loop = Trainer(
        model,
        DistillationFeed(parts, samples.validation, options, answers),
        loss=make_distillation_loss(options, by_labels),
        validation_loss=by_labels,
        options=options,
        out=out,
        identity=options.identity,
    )
    return finish(loop, options, samples, watch=watch, begun=begun)


def _disable_copy_paste(options: DataOptions) -> DataOptions:
    """Return the same without copy-paste, which a teacher's answer could not follow."""
    augment = options.augment.model_copy(update={"copy_paste": 0.0})
    return options.model_copy(update={"augment": augment})


def _make_label_loss(options: DistillOptions, labeled: Samples) -> Loss:
    weighed = options.class_weights and labeled.train
    return make_weighted_loss(
        options.loss, compute_class_weights(labeled.train, options.data) if weighed else None
    )


def _find_labeled(options: DataOptions) -> Samples:
    if not options.paths:
        return Samples((), ())
    samples = find_samples(options)
    log_problems(samples.problems)
    if samples.validation:
        check_classes(samples, options)
    return samples


def _find_unlabeled(options: DistillOptions, frames: Path) -> Samples:
    """Split pictures by a hash of their names, and clips in time: neighbors look alike."""
    train: list[Sample] = []
    kept: list[Sample] = []
    for path in options.pictures:
        found = find_unlabeled_samples([path], frames, every=options.stride, limit=options.limit)
        if path.is_file():
            first = round(len(found) * (1 - options.data.validation))
            parts = found[:first], found[first:]
        else:
            parts = split(found, options.data.validation)
        train += parts[0]
        kept += parts[1]
    return Samples(tuple(train), tuple(kept))
