"""What a training leaves behind: its model and card, a report, curves and logs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from rimlight.core.errors import ModelError
from rimlight.lab.training.cards import write_card
from rimlight.lab.training.data.samples import Samples
from rimlight.lab.training.metrics import Epoch, Scores, find_best_epoch, score_network
from rimlight.lab.training.options import TrainOptions
from rimlight.lab.training.report import draw_predictions, write_csv, write_curves, write_page
from rimlight.lab.training.trainer import (
    BEST,
    Batches,
    DataFeed,
    Stopped,
    Trainer,
    TrainingCallbacks,
    save_model,
)
from rimlight.lab.training.weight_interpolation import InitialWeights
from rimlight.segmenters.keras import open_keras

MIXED = "interpolated.keras"


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came out of a training.

    Attributes:
        model: the .keras file of the best epoch, or its mixture with its start; a card beside it.
        epochs: all epochs, those of earlier runs in the same folder too.
        best: the one that the model is from.
        stopped: why no more followed: all "epochs" are done, "early" or "minutes".
        mixed: the figures of the mixture on what was held back, if that is the model.
    """

    model: Path
    epochs: tuple[Epoch, ...]
    best: Epoch
    stopped: Stopped
    mixed: Scores | None = None


def finish(
    loop: Trainer,
    options: TrainOptions,
    samples: Samples,
    *,
    watch: TrainingCallbacks | None,
    begun: InitialWeights | None = None,
) -> TrainResult:
    """Run a loop and write all that a training leaves behind into its folder.

    Args:
        loop: at its start, or wherever an earlier run left it.
        options: what it was made from.
        samples: what it trains and validates on.
        watch: told of every step and epoch.
        begun: of what the network was at its start; mixed into the result.

    Raises:
        ModelError: not one epoch was trained, or a file cannot be written.
        SinkError: the report cannot be written.
    """
    out, feed, watch = loop.out, loop.feed, watch or TrainingCallbacks()
    with _write_logs(out, options.data.classes) as log:

        def on_epoch(epochs: list[Epoch]) -> None:
            log(epochs)
            watch.on_epoch(epochs)

        stopped = loop.run(TrainingCallbacks(watch.on_step, on_epoch))
    best = find_best_epoch(loop.epochs)
    if best is None:
        if loop.epochs:
            raise ModelError(
                "the validation loss was no number in any epoch",
                hint="lower optimizer.learning_rate, and write into another folder",
            )
        raise ModelError("no epoch was trained", hint="allow more minutes")
    model = open_keras(out / BEST)
    file, mixed = out / BEST, None
    facts = _collect_facts(options, samples, best, stopped)
    if begun:
        file = out / MIXED
        mixed = _mix(model, begun, file, feed.validation(options.batch_size))
        facts |= {"mixed": f"{begun.share:g} of its start in it, held back then: {_format(mixed)}"}
    _write(model, loop.epochs, options, samples, file, facts=facts, feed=feed)
    return TrainResult(file, tuple(loop.epochs), best, stopped, mixed)


def _list_data_names(options: TrainOptions) -> list[str]:
    """Return the names of the data sets; the folders that hold them stay private."""
    return [path.resolve().name for path in options.data.paths]


def _mix(model: Any, begun: InitialWeights, file: Path, held_back: Batches) -> Scores:
    """Interpolate a model with its initial weights and write it; the best epoch's file stays."""
    begun.mix_into(model)
    save_model(model, file)
    return score_network(lambda x: model(x, training=False), held_back)


def _write(
    model: Any,
    epochs: Sequence[Epoch],
    options: TrainOptions,
    samples: Samples,
    file: Path,
    *,
    facts: Mapping[str, str],
    feed: DataFeed,
) -> None:
    """Write the report and the card."""
    shown = draw_predictions(
        model, feed.validation(options.batch_size), count=len(samples.validation)
    )
    write_page(
        file.with_name("report.html"),
        epochs,
        shown,
        title=options.name,
        classes=options.data.classes,
        facts=facts,
    )
    write_card(
        file,
        size=options.network.size,
        classes=options.data.classes,
        foreground=options.foreground,
        fit=options.data.fit,
        name=options.name,
        summary=options.summary,
        license=options.license,
        origin=f"trained by rimlight {options.taught_by}",
        trained_on=f"{len(samples.train)} pictures of {', '.join(_list_data_names(options))}",
        notes="; ".join(f"{name}: {fact}" for name, fact in facts.items()),
    )


@contextlib.contextmanager
def _write_logs(out: Path, classes: Sequence[str]) -> Iterator[Any]:
    """Yield a function that writes CSV, curves and TensorBoard's events.

    Raises:
        ModelError: a file cannot be written.
    """
    with _write_events(out / "tensorboard"):
        writer = tf.summary.create_file_writer(str(out / "tensorboard"))
    # What tf.summary.scalar writes; that function itself needs TensorBoard to be installed.
    scalars = tf.compat.v1.SummaryMetadata()
    scalars.plugin_data.plugin_name = "scalars"

    def log(epochs: list[Epoch]) -> None:
        write_csv(epochs, classes, out / "log.csv")
        write_curves(epochs, out / "curves.png")
        last = epochs[-1]
        with _write_events(out / "tensorboard"), writer.as_default(step=last.number):
            for name in ("loss", "validation_loss", "miou", "dice", "boundary_f", "rate"):
                tf.summary.write(name, np.float32(getattr(last, name)), metadata=scalars)
            writer.flush()

    try:
        yield log
    finally:
        with _write_events(out / "tensorboard"):
            writer.close()


@contextlib.contextmanager
def _write_events(folder: Path) -> Iterator[None]:
    """Say in our words when TensorFlow cannot write its events.

    Raises:
        ModelError: it cannot.
    """
    try:
        yield
    except tf.errors.OpError as exc:
        raise ModelError(
            f"TensorFlow cannot write {folder}", hint="make room, or write into another folder"
        ) from exc


def _collect_facts(
    options: TrainOptions, samples: Samples, best: Epoch, stopped: Stopped
) -> dict[str, str]:
    network = options.network
    width, height = network.size
    return {
        "network": f"{network.name}, {width}x{height}, width {network.width_multiplier:g}",
        "pictures": f"{len(samples.train)} to train on, {len(samples.validation)} held back",
        "best epoch": f"{best.number}, ended by: {stopped}",
        "held back": _format(best),
    }


def _format(figures: Epoch | Scores) -> str:
    return f"mIoU {figures.miou:.4f}, Dice {figures.dice:.4f}, boundary F {figures.boundary_f:.4f}"
