"""`rimlight train`: from a folder of pictures and masks to a model that every command runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import DryRun, Quiet, Settings

if TYPE_CHECKING:
    from rimlight.lab.training.history import Epoch
    from rimlight.lab.training.loop import Watch
    from rimlight.lab.training.options import TrainOptions
    from rimlight.lab.training.results import TrainResult

Config = Annotated[Path, typer.Option("--config", "-c", help="A YAML file: configs/train-*.yaml.")]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="FOLDER", help="Where all results go; a run found there goes on."
    ),
]

_RESULTS = ("best.keras", "best.yaml", "mixed.keras", "log.csv", "curves.png", "report.html")


def train(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA...",
            help="Folders with images/NAME.jpg and masks/NAME_mask.png, YOLO folders, COCO "
            "files; instead of the file's data.paths.",
        ),
    ] = None,
    *,
    config: Config,
    out: Out,
    settings: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train a network of your own on pictures and masks.

    rimlight train --config configs/train-person.yaml photos/ -o person/

    rimlight train -c configs/train-person.yaml photos/ -o person/ --set epochs=80 --set minutes=60

    rimlight process clip.mp4 --model person/best.yaml --blur 20 -o out.mp4

    The same command goes on with a run that was stopped. In FOLDER: best.keras and its card
    best.yaml, report.html, curves.png, log.csv, tensorboard/.
    """
    from rimlight.lab.training.options import load_train

    options = load_train(config, settings or (), data=data or ())
    if dry_run:
        print_options(options)
        return
    check_training_folder(out)
    needs_tensorflow()
    from rimlight.lab.training.train import train as run

    with watching(quiet=quiet) as watch:
        result = run(options, out, watch=watch)
    print_result(result)


def check_training_folder(out: Path) -> None:
    """Check that a training can write to `out`, and replaces none but its own files there.

    Raises:
        SinkError: it cannot; or a model lies there, and not what a training goes on from.
    """
    from rimlight.core.errors import SinkError
    from rimlight.sinks.paths import check_can_be_folder

    check_can_be_folder(out)
    there = [name for name in _RESULTS if os.path.lexists(out / name)]
    if there and not (out / "last.npz").is_file():
        raise SinkError(
            f"{out / there[0]} exists, and no training that could go on from it",
            hint="choose another folder",
        )


def print_result(result: TrainResult) -> None:
    """Print which file came out, and how good it is."""
    best = result.best
    text = f"{result.model}: epoch {best.number}, mIoU {best.miou:.4f} on what was held back"
    if result.mixed:
        text += f", {result.mixed.miou:.4f} with its start mixed in"
    typer.echo(text)


def needs_tensorflow() -> None:
    """Import TensorFlow, which takes seconds.

    Raises:
        MissingDependencyError: it is not installed.
    """
    from rimlight.core.errors import MissingDependencyError
    from rimlight.system.stderr import filter_stderr

    try:
        with filter_stderr(b"WARNING: All log messages before absl", b"I0000 ", b"To enable the"):
            import rimlight.lab.training.loop  # noqa: F401
    except ModuleNotFoundError as exc:
        raise MissingDependencyError(
            f"training needs {exc.name}, which is not installed",
            hint="pip install 'rimlight[keras]'",
        ) from exc


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """Yield what shows the progress: a bar for the epoch, a line for each one that is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from rimlight.cli.run import console
    from rimlight.lab.training.loop import Watch

    if quiet:
        with _stoppable():
            yield Watch()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    shown = console.is_terminal
    with (
        _stoppable(),
        Progress(*columns, console=console, transient=True, disable=not shown) as bar,
    ):
        task = bar.add_task("starting", total=None)

        def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
            text = f"epoch {epoch}, loss {loss:.3f}"
            bar.update(task, description=text, completed=step, total=steps)

        def on_epoch(epochs: list[Epoch]) -> None:
            console.print(line(epochs), soft_wrap=True)

        yield Watch(on_step, on_epoch)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the run with a line that says how it goes on."""
    from rimlight.cli import interrupts
    from rimlight.cli.run import STOPPED, console

    try:
        with interrupts.interrupted_by_signals():
            yield
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on after the last whole epoch")
        raise typer.Exit(STOPPED) from None


def line(epochs: list[Epoch]) -> str:
    """Say what the last epoch came to."""
    from rimlight.lab.training.history import best_of

    last = epochs[-1]
    star = " *" if best_of(epochs) is last else ""
    return (
        f"epoch {last.number:3}  loss {last.loss:.4f}  validation {last.validation_loss:.4f}  "
        f"mIoU {last.miou:.4f}  boundary F {last.boundary_f:.4f}  {last.seconds:.0f} s{star}"
    )


def print_options(options: TrainOptions) -> None:
    """Print all options as YAML, as a file for --config may hold them."""
    import yaml

    said = options.model_copy(update={"network": options.built_network})
    text = yaml.safe_dump(
        said.model_dump(mode="json"),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=96,
    )
    typer.echo(text, nl=False)
