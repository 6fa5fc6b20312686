"""The training loop: epochs, validation, what is saved, and when to stop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf

from rimlight.core.errors import ConfigError, ModelError
from rimlight.lab.training.checkpoint import load_state, refuse_another, save_state
from rimlight.lab.training.losses import Loss
from rimlight.lab.training.metrics import Epoch, Scorer, Scores, find_best_epoch, from_facts
from rimlight.lab.training.optimizer import (
    Schedule,
    WeightEma,
    compile_step,
    make_optimizer,
    set_rate,
)
from rimlight.lab.training.options import LoopOptions
from rimlight.system.atomic_io import atomic_write, make_folder

_log = logging.getLogger(__name__)

STATE = "last.npz"
BEST = "best.keras"

Batches = Iterable[tuple[Any, Any]]
Stopped = Literal["epochs", "early", "minutes"]
OnStep = Callable[[int, int, int, float], None]
OnEpoch = Callable[[list[Epoch]], None]


class DataFeed(Protocol):
    """Where pictures and targets come from."""

    def steps(self, batch: int) -> int:
        """Return how many batches an epoch has."""
        ...

    def training(self, epoch: int, batch: int) -> Batches:
        """Yield pictures and targets of an epoch, from 0; the same for the same epoch."""
        ...

    def validation(self, batch: int) -> Batches:
        """Yield pictures and labels int (batch, h, w), as they are."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingCallbacks:
    """Who is told of the progress.

    Attributes:
        on_step: called with epoch, step, steps and loss.
        on_epoch: called with all epochs, after what is kept of the last one was written.
    """

    on_step: OnStep = lambda *_: None
    on_epoch: OnEpoch = lambda _: None


class Trainer:
    """Trains a model; what is in `out` already is gone on with.

    Args:
        model: from pictures to probabilities.
        feed: pictures and targets.
        loss: of (targets, probabilities).
        validation_loss: of (labels, probabilities); None: the same.
        options: how.
        out: a folder for `last.npz` and `best.keras`; made when it is missing.
        identity: what must be the same for a run to go on: network, data and the like, as JSON
            can hold it.

    Raises:
        ConfigError: `out` holds a run with another identity.
        ModelError: `out` cannot be made or written to.
    """

    def __init__(
        self,
        model: Any,
        feed: DataFeed,
        *,
        loss: Loss,
        validation_loss: Loss | None = None,
        options: LoopOptions,
        out: Path,
        identity: Mapping[str, Any],
    ) -> None:
        self._model, self.feed, self._options, self.out = model, feed, options, out
        self._validation_loss = validation_loss or loss
        self._identity = identity
        self._optimizer = make_optimizer(options)
        self.average = WeightEma(model, options.ema_decay)
        self._step = compile_step(model, loss, self._optimizer, self.average)
        self._infer = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
        self._schedule = Schedule(
            options.schedule, rate=options.optimizer.learning_rate, epochs=options.epochs
        )
        self._batch = options.batch_size
        self._rate = 0.0
        self.epochs: list[Epoch] = []
        make_folder(out, ModelError)
        if (out / STATE).exists():
            self._resume()
        else:
            self._save()

    def run(self, watch: TrainingCallbacks) -> Stopped:
        """Train until the last epoch, or until an option says stop; return which.

        Raises:
            ModelError: not even one picture fits into memory, or the loss is no number any more.
        """
        started = time.monotonic()
        while len(self.epochs) < self._options.epochs:
            if self._is_stuck():
                return "early"
            spent = time.monotonic() - started
            if self._is_late(spent):
                return "minutes"
            self._run_epoch(watch)
            watch.on_epoch(self.epochs)
        return "epochs"

    def _is_stuck(self) -> bool:
        best, patience = find_best_epoch(self.epochs), self._options.early_stopping_patience
        return bool(best and patience and len(self.epochs) - best.number >= patience)

    def _is_late(self, spent_s: float) -> bool:
        minutes = self._options.max_minutes
        longest = max((epoch.seconds for epoch in self.epochs[-3:]), default=0.0)
        return minutes is not None and spent_s + longest > 60 * minutes

    def _run_epoch(self, watch: TrainingCallbacks) -> None:
        started = time.monotonic()
        loss = self._train(watch)
        with self.average.apply_temporarily():
            validation_loss, scores = self._validate()
            epoch = Epoch(
                number=len(self.epochs) + 1,
                loss=loss,
                validation_loss=validation_loss,
                miou=scores.miou,
                dice=scores.dice,
                boundary_f=scores.boundary_f,
                ious=scores.ious,
                rate=self._rate,
                batch=self._batch,
                seconds=round(time.monotonic() - started, 1),
            )
            self.epochs.append(epoch)
            if find_best_epoch(self.epochs) is epoch:
                save_model(self._model, self.out / BEST)
        self._schedule.judge(scores.miou)
        self._save()

    def _train(self, watch: TrainingCallbacks) -> float:
        """Train for one epoch; a batch that memory does not hold is halved, and all begins anew."""
        while True:
            try:
                return self._run_steps(watch)
            except tf.errors.ResourceExhaustedError as exc:
                if self._batch == 1:
                    raise ModelError(
                        "not even one picture fits into memory",
                        hint="choose a smaller network.size, or mixed_precision",
                    ) from exc
            batch = self._batch // 2
            _log.warning("a batch of %d does not fit into memory: %d now", self._batch, batch)
            load_state(self.out / STATE, self._group_variables())
            self._batch = batch

    def _run_steps(self, watch: TrainingCallbacks) -> float:
        number, steps = len(self.epochs), self.feed.steps(self._batch)
        losses = []
        for index, (pictures, targets) in enumerate(self.feed.training(number, self._batch)):
            self._rate = self._schedule.compute_rate(number + index / steps)
            set_rate(self._optimizer, self._rate)
            losses.append(float(self._step(pictures, targets)))
            if not np.isfinite(losses[-1]):
                raise ModelError(
                    f"the loss is {losses[-1]} in epoch {number + 1}",
                    hint="lower optimizer.learning_rate, or set optimizer.clip_norm",
                )
            watch.on_step(number + 1, index + 1, steps, losses[-1])
        return float(np.mean(losses))

    def _validate(self) -> tuple[float, Scores]:
        scorer = Scorer(int(self._model.output_shape[-1]))
        losses, sizes = [], []
        for pictures, labels in self.feed.validation(self._batch):
            probabilities = self._infer(pictures)
            losses.append(float(self._validation_loss(labels, probabilities)))
            sizes.append(len(labels))
            scorer.add_batch(probabilities, labels)
        scores = scorer.compute_scores()
        if math.isnan(scores.miou):
            raise ConfigError(
                "no pixel of the validation pictures has a label that counts",
                hint="say in data.remap what the masks' ids, colors or names are",
            )
        return float(np.average(losses, weights=sizes)), scores

    def _group_variables(self) -> dict[str, Any]:
        return {
            "model": self._model.variables,
            "optimizer": self._optimizer.variables,
            "average": self.average.variables,
        }

    def _save(self) -> None:
        schedule = self._schedule
        facts = {
            "identity": self._identity,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "asked": self._options.batch_size,
            "batch": self._batch,
            "schedule": [schedule.factor, schedule.best, schedule.waited],
        }
        save_state(self.out / STATE, self._group_variables(), facts)

    def _resume(self) -> None:
        refuse_another(self.out / STATE, self._identity)
        facts = load_state(self.out / STATE, self._group_variables())
        self.epochs = from_facts(facts["epochs"])
        if facts.get("asked") == self._batch:  # else the user chose another
            self._batch = int(facts["batch"])
        self._schedule.factor, self._schedule.best, self._schedule.waited = facts["schedule"]


def save_model(model: Any, path: Path) -> None:
    """Write a .keras file; what was there stays until the new one is whole.

    Raises:
        ModelError: it cannot be written.
    """
    with atomic_write(path, ModelError) as part:
        model.save(part)
