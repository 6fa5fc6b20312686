"""Trains a network on pictures and masks, down to a model file with its card and a report."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rimlight.errors import ConfigError, ModelError
from rimlight.training.cards import write_card
from rimlight.training.curves import write_curves
from rimlight.training.data.batches import batches
from rimlight.training.data.find import find_samples
from rimlight.training.data.samples import Sample, Samples
from rimlight.training.data.weights import class_weights
from rimlight.training.history import Epoch, best_of, write_csv
from rimlight.training.loop import BEST, Batches, Feed, Loop, Stopped, Watch
from rimlight.training.loop_options import LoopOptions
from rimlight.training.losses import weighted_sum
from rimlight.training.networks import build_network
from rimlight.training.options import TrainOptions
from rimlight.training.page import write_page
from rimlight.training.predictions import predictions
from rimlight.training.step import precision

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came out of a training.

    Attributes:
        model: the .keras file of the best epoch, its card beside it.
        epochs: all epochs, those of earlier runs in the same folder too.
        best: the one that the model is from.
        stopped: why no more followed: all "epochs" are done, "early" or "minutes".
    """

    model: Path
    epochs: tuple[Epoch, ...]
    best: Epoch
    stopped: Stopped


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
        found: Batches = batches(
            samples,
            size=options.network.size,
            batch=batch,
            options=options.data,
            training=training,
            seed=options.seed,
            epoch=epoch,
        )
        return found


def train(options: TrainOptions, out: Path, *, watch: Watch | None = None) -> TrainResult:
    """Train; a folder that holds a part of this training already is gone on with.

    Args:
        options: network, data and how.
        out: the folder for `best.keras` and its card, `last.npz` (to go on from), `log.csv`,
            `tensorboard/`, `curves.png` and `report.html`; made when it is missing.
        watch: told of every step and epoch.

    Raises:
        ConfigError: the data are unusable, or `out` holds another training.
        ModelError: memory does not hold one picture, the loss is no number any more, or a file
            cannot be written.
    """
    samples = usable_samples(options)
    start(options)
    with precision(mixed=options.mixed_precision):
        model = build_network(options.built_network)
    weights = class_weights(samples.train, options.data) if options.class_weights else None
    loss = weighted_sum(options.loss, weights)
    feed = LabelFeed(samples, options)
    make_folder(out)
    loop = Loop(
        model,
        feed,
        loss=loss,
        validation_loss=loss,
        options=options,
        out=out,
        identity=plain(options.identity),
    )
    return finish(loop, options, samples, out, watch=watch or Watch(), feed=feed)


def usable_samples(options: TrainOptions) -> Samples:
    """Find the pictures and say what is wrong with them.

    Raises:
        ConfigError: there is nothing to train on, or nothing to validate on.
    """
    if not options.data.paths:
        raise ConfigError("there are no pictures to train on", hint="name folders, or data.paths")
    samples = find_samples(options.data)
    for problem in samples.problems:
        _log.warning("%s", problem)
    if not samples.validation:
        raise ConfigError(
            "there is no picture to validate on", hint="set data.validation or validation_paths"
        )
    return samples


def finish(
    loop: Loop,
    options: TrainOptions,
    samples: Samples,
    out: Path,
    *,
    watch: Watch,
    feed: Feed,
) -> TrainResult:
    """Run a loop and write all that a training leaves behind."""
    with _logs(out, options.data.classes) as log:

        def on_epoch(epochs: list[Epoch]) -> None:
            log(epochs)
            watch.on_epoch(epochs)

        stopped = loop.run(Watch(watch.on_step, on_epoch))
    best = best_of(loop.epochs)
    if best is None:
        raise ModelError("no epoch was trained", hint="allow more minutes")
    model = keras.saving.load_model(out / BEST, compile=False)
    facts = _facts(options, samples, best, stopped)
    shown = predictions(model, feed.validation(options.batch), count=len(samples.validation))
    write_page(
        out / "report.html",
        loop.epochs,
        shown,
        title=options.name,
        classes=options.data.classes,
        facts=facts,
    )
    write_card(
        out / BEST,
        size=options.network.size,
        classes=options.data.classes,
        foreground=options.foreground,
        fit=options.data.fit,
        name=options.name,
        summary=options.summary,
        licence=options.licence,
        origin=f"trained by rimlight on {_named(options)}",
        notes="; ".join(f"{name}: {fact}" for name, fact in facts.items()),
    )
    return TrainResult(out / BEST, tuple(loop.epochs), best, stopped)


def _named(options: TrainOptions) -> str:
    return ", ".join(path.name for path in options.data.paths)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they come back out of JSON, so that they can be compared."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def make_folder(out: Path) -> None:
    """Make the folder of a training.

    Raises:
        ModelError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ModelError(f"cannot make {out}: {exc.strerror}", hint="name another") from exc


def start(options: LoopOptions) -> None:
    """Fix all that is random, and the order of sums where that is asked for."""
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def _logs(out: Path, classes: Sequence[str]) -> Iterator[Any]:
    """Yield a function that writes CSV, curves and TensorBoard's events."""
    writer = tf.summary.create_file_writer(str(out / "tensorboard"))
    # What tf.summary.scalar writes; that function itself needs TensorBoard to be installed.
    scalars = tf.compat.v1.SummaryMetadata()
    scalars.plugin_data.plugin_name = "scalars"

    def log(epochs: list[Epoch]) -> None:
        write_csv(epochs, classes, out / "log.csv")
        write_curves(epochs, out / "curves.png")
        last = epochs[-1]
        with writer.as_default(step=last.number):
            for name in ("loss", "validation_loss", "miou", "dice", "boundary_f", "rate"):
                tf.summary.write(name, np.float32(getattr(last, name)), metadata=scalars)
        writer.flush()

    with contextlib.closing(writer):
        yield log


def _facts(
    options: TrainOptions, samples: Samples, best: Epoch, stopped: Stopped
) -> dict[str, str]:
    width, height = options.network.size
    return {
        "network": f"{options.network.name}, {width}x{height}, width {options.network.width:g}",
        "pictures": f"{len(samples.train)} to train on, {len(samples.validation)} held back",
        "best epoch": f"{best.number}, ended by: {stopped}",
        "held back": f"mIoU {best.miou:.4f}, Dice {best.dice:.4f}, "
        f"boundary F {best.boundary_f:.4f}",
    }
