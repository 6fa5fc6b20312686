"""`rimlight distill`: a small network learns from a larger one, on pictures of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.flags import DryRun, Quiet, Settings
from rimlight.cli.train import Out, needs_tensorflow, print_options, print_result, watching

Student = Annotated[
    Path,
    typer.Option(
        "--student",
        "--config",
        "-c",
        metavar="FILE",
        help="A YAML file: network, data and how; one for `rimlight train` will do.",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(help="A name of `rimlight models list`, a card, a .tflite or a .keras file."),
]


def distill(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PICTURES...", help="Folders of pictures and clips; they need no masks."
        ),
    ] = None,
    *,
    student: Student,
    out: Out,
    teacher: Teacher = None,
    settings: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Teach a small network what a model knows.

    rimlight distill --student configs/train-person.yaml --teacher selfie clips/*.mp4 -o small/

    rimlight distill -c configs/distill-road-lite.yaml road-*.mp4 -o road-lite/

    The teacher's answers are kept in FOLDER/teacher: it is asked about each picture once.
    Pictures with masks, in the file's data.paths, teach what the masks say as well.
    """
    from rimlight.cli.train import check_training_folder
    from rimlight.lab.training.distill_options import load_distill

    options = load_distill(student, settings or (), teacher=teacher, pictures=pictures or ())
    if dry_run:
        print_options(options)
        return
    check_training_folder(out)
    needs_tensorflow()
    from rimlight.lab.training.distill import distill as run

    with watching(quiet=quiet) as watch:
        result = run(options, out, watch=watch, on_picture=_unseen if quiet else _seen)
    print_result(result)


def _seen(done: int, count: int) -> None:
    """Say once in a while how far the teacher is."""
    from rimlight.cli.run import console

    if done == count or done % 50 == 0:
        console.print(f"the teacher has seen {done} of {count} pictures")


def _unseen(done: int, count: int) -> None:
    """Say nothing."""
