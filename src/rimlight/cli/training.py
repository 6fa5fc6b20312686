"""`rimlight train`, `distill`, `prune` and `export`: from images with masks to a model file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rimlight.cli.flags import (
    DryRun,
    Overwrite,
    Quiet,
    Settings,
    Sparsity,
    Structured,
    Teacher,
)
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.lab.training.metrics import Epoch
    from rimlight.lab.training.options import TrainOptions
    from rimlight.lab.training.prune import PruneResult
    from rimlight.lab.training.results import TrainResult
    from rimlight.lab.training.trainer import TrainingCallbacks

Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="FILE", help="A YAML file, such as configs/train-person.yaml."
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="The folder for the results; an unfinished run in it is resumed.",
    ),
]
Quantize = Literal["none", "float16", "dynamic", "int8"]

_RESULTS = ("best.keras", "best.yaml", "interpolated.keras", "log.csv", "curves.png", "report.html")


def train(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA...",
            help="Folders with images/NAME.jpg and masks/NAME_mask.png, YOLO folders or COCO "
            "files, instead of data.paths of the file.",
        ),
    ] = None,
    *,
    config: Config,
    output: Output,
    settings: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on your images and masks.

    rimlight train --config configs/train-person.yaml photos/ -o person/

    rimlight train -c configs/train-person.yaml photos/ -o person/ --set max_minutes=60

    rimlight process clip.mp4 --model person/best.yaml --blur 20 -o out.mp4

    The same command resumes a stopped run. FOLDER holds best.keras and its card best.yaml,
    report.html, curves.png, log.csv and tensorboard/.
    """
    from rimlight.lab.training.options import load_train

    options = load_train(config, settings or (), data=data or ())
    if dry_run:
        _print_options(options)
        return
    _check_training_folder(output)
    check_tensorflow()
    from rimlight.lab.training.train import train as run

    with _show_training(quiet=quiet) as watch:
        result = run(options, output, watch=watch)
    _print_trained(result)


def distill(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PICTURES...", help="Folders of images and videos; they need no masks."
        ),
    ] = None,
    *,
    config: Config,
    output: Output,
    teacher: Teacher = None,
    settings: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train a small network on the predictions of a larger one.

    rimlight distill -c configs/train-person.yaml --teacher selfie clips/*.mp4 -o small/

    rimlight distill -c configs/distill-road-lite.yaml road-*.mp4 -o road-lite/

    Predictions of the teacher are cached in FOLDER/teacher. Images with masks in data.paths of
    the file are also trained on their masks.
    """
    from rimlight.lab.training.compression_options import load_distill

    options = load_distill(config, settings or (), teacher=teacher, pictures=pictures or ())
    if dry_run:
        _print_options(options)
        return
    _check_training_folder(output)
    check_tensorflow()
    from rimlight.lab.training.distill import distill as run

    with _show_training(quiet=quiet) as watch:
        on_picture = _ignore_progress if quiet else _print_teacher_progress
        result = run(options, output, watch=watch, on_picture=on_picture)
    _print_trained(result)


def prune(
    model: Annotated[Path, typer.Argument(help="A .keras file of `rimlight train`.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DATA]...", help="Folders instead of those it was trained on."),
    ] = None,
    *,
    output: Output,
    sparsity: Sparsity = 0.3,
    structured: Structured = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="The YAML file of its training (default: the options stored in its folder).",
        ),
    ] = None,
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Remove weights or filters of a network and train the rest.

    Weights become zeros: the file compresses better, but inference on a CPU takes as long.
    With --structured whole filters are removed, which saves time but costs more quality.

    rimlight prune person/best.keras --sparsity 0.3 -o person-pruned/

    rimlight prune person/best.keras --sparsity 0.4 --structured -o narrow/ --set epochs=20
    """
    _check_training_folder(output)
    check_tensorflow()
    from rimlight.lab.training.compression_options import PruneOptions, load_tuning
    from rimlight.lab.training.prune import prune as run
    from rimlight.lab.training.prune import read_trained_options

    trained = None if config else read_trained_options(model)
    training = load_tuning(config, settings or (), data=data or (), trained=trained)
    options = PruneOptions(sparsity=sparsity, what="filters" if structured else "weights")
    with _show_training(quiet=quiet) as watch:
        result = run(model, options, training, output, watch=watch)
    _print_pruned(result, structured=structured)


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .keras file next to its card.")],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="NAME.tflite; NAME.yaml becomes its card."
        ),
    ],
    overwrite: Overwrite = False,
    quantize: Annotated[
        Quantize,
        typer.Option(
            help="Number format. float16: half the size, same results; dynamic: int8 weights, a "
            "quarter of the size; int8: everything, needs --calibration."
        ),
    ] = "float16",
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Typical images that --quantize int8 is calibrated on; may be repeated.",
        ),
    ] = None,
    verify_on: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Images or videos that both are compared on (default: those of --calibration, or "
            "samples); may be repeated.",
        ),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of pixels that must agree (default: 0.999, with int8 weights 0.985).",
        ),
    ] = None,
) -> None:
    """Convert a trained network to TensorFlow Lite and verify it.

    rimlight export person/best.keras -o person.tflite

    rimlight export person/best.keras --quantize int8 --calibration photos/ -o small.tflite

    rimlight live --model person.yaml

    Both are run on real images. Nothing is written if too many pixels change their class.
    """
    if (quantize == "int8") != bool(calibration):
        raise ConfigError(
            "--quantize int8 and --calibration need each other",
            hint="--quantize int8 --calibration FOLDER, with typical images in it",
        )
    from rimlight.sinks.output_paths import check_can_be_folder, check_unused

    check_can_be_folder(output.parent)
    for path in (output, output.with_suffix(".yaml")):
        check_unused(path, overwrite=overwrite)
    check_tensorflow()
    from rimlight.lab.training.export import export as run

    done = run(
        model,
        output,
        number="float32" if quantize == "none" else quantize,
        calibration=calibration or (),
        check=verify_on or (),
        least=min_agreement,
    )
    parity = done.sameness
    typer.echo(
        f"{done.file}: {done.file.stat().st_size / 1e6:.2f} MB, {quantize}; same class on "
        f"{parity.argmax:.3%} of the pixels of {parity.pictures} pictures (worst "
        f"{parity.worst:.3%}), scores within {parity.difference:.2g}"
    )
    typer.echo(f"use it: --model {done.card}")


def _check_training_folder(output: Path) -> None:
    """Check that a training can write to `output` and replaces only its own files.

    Raises:
        SinkError: it cannot, or the folder holds a model without a training to resume.
    """
    from rimlight.core.errors import SinkError
    from rimlight.sinks.output_paths import check_can_be_folder

    check_can_be_folder(output)
    existing = [name for name in _RESULTS if os.path.lexists(output / name)]
    if existing and not (output / "last.npz").is_file():
        raise SinkError(
            f"{output / existing[0]} exists, without a training to resume",
            hint="choose another folder",
        )


def _print_trained(result: TrainResult) -> None:
    """Print the model file and its quality."""
    best = result.best
    text = f"{result.model}: epoch {best.number}, validation mIoU {best.miou:.4f}"
    if result.mixed:
        text += f", {result.mixed.miou:.4f} with the initial weights mixed in"
    typer.echo(text)


def check_tensorflow() -> None:
    """Import TensorFlow, which takes seconds.

    Raises:
        MissingDependencyError: it is not installed.
    """
    from rimlight.core.errors import MissingDependencyError
    from rimlight.system.stderr import filter_stderr

    try:
        with filter_stderr(b"WARNING: All log messages before absl", b"I0000 ", b"To enable the"):
            import rimlight.lab.training.trainer  # noqa: F401
    except ModuleNotFoundError as exc:
        raise MissingDependencyError(
            f"training needs {exc.name}, which is not installed",
            hint="pip install 'rimlight[keras]'",
        ) from exc


@contextmanager
def _show_training(*, quiet: bool) -> Iterator[TrainingCallbacks]:
    """Yield callbacks that show a bar for the current epoch and a line for each finished one."""
    from rimlight.cli.console import console, open_progress
    from rimlight.lab.training.trainer import TrainingCallbacks

    with _print_how_to_resume():
        if quiet:
            yield TrainingCallbacks()
            return
        with open_progress("starting") as update:

            def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
                update(step, steps, f"epoch {epoch}, loss {loss:.3f}")

            def on_epoch(epochs: list[Epoch]) -> None:
                console.print(_format_epoch(epochs), soft_wrap=True)

            yield TrainingCallbacks(on_step, on_epoch)


@contextmanager
def _print_how_to_resume() -> Iterator[None]:
    """End the run on Ctrl-C, SIGTERM or SIGHUP with a line that says how to resume it."""
    from rimlight.cli import interrupts
    from rimlight.cli.console import STOPPED, console

    try:
        with interrupts.interrupted_by_signals():
            yield
    except KeyboardInterrupt:
        console.print("stopped; the same command resumes after the last complete epoch")
        raise typer.Exit(STOPPED) from None


def _format_epoch(epochs: list[Epoch]) -> str:
    """Return the figures of the last epoch in one line."""
    from rimlight.lab.training.metrics import find_best_epoch

    last = epochs[-1]
    star = " *" if find_best_epoch(epochs) is last else ""
    return (
        f"epoch {last.number:3}  loss {last.loss:.4f}  validation {last.validation_loss:.4f}  "
        f"mIoU {last.miou:.4f}  boundary F {last.boundary_f:.4f}  {last.seconds:.0f} s{star}"
    )


def _print_options(options: TrainOptions) -> None:
    """Print all options as YAML, in the form of a file for --config."""
    import yaml

    shown = options.model_copy(update={"network": options.built_network})
    text = yaml.safe_dump(
        shown.model_dump(mode="json"),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=96,
    )
    typer.echo(text, nl=False)


def _print_teacher_progress(done: int, count: int) -> None:
    """Print the progress of the teacher every 50 images."""
    from rimlight.cli.console import console

    if done == count or done % 50 == 0:
        console.print(f"the teacher has labeled {done} of {count} pictures")


def _ignore_progress(done: int, count: int) -> None:
    """Print nothing."""


def _print_pruned(result: PruneResult, *, structured: bool) -> None:
    before, after = result.before, result.after
    typer.echo(f"{result.trained.model}: mIoU {before.miou:.4f} before, {after.miou:.4f} after")
    typer.echo(
        f"parameters {before.parameters} -> {after.parameters}, zeros among the pruned weights "
        f"{before.zeros:.1%} -> {after.zeros:.1%}"
    )
    typer.echo(
        f"as .tflite {before.file_bytes / 1e6:.2f} -> {after.file_bytes / 1e6:.2f} MB, after gzip "
        f"{before.packed_bytes / 1e6:.2f} -> {after.packed_bytes / 1e6:.2f} MB"
    )
    if structured:
        typer.echo("measure its speed: rimlight bench --networks " + str(result.trained.model))
    else:
        typer.echo("inference takes as long as before; --structured saves time")
