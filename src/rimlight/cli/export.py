"""`rimlight export`: a trained network as the small, quick file that the pipeline runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import Overwrite
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.lab.training.export import Number


def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A .keras file, its card beside it.")
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="NAME.tflite; NAME.yaml is its card."),
    ],
    float16: Annotated[
        bool, typer.Option("--float16", help="Half the size, the same results; the default.")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Weights of int8: a quarter of the size.")
    ] = False,
    int8: Annotated[
        list[Path] | None,
        typer.Option(
            "--int8",
            metavar="FOLDER",
            help="All of int8, input and output too, calibrated on pictures such as it will see; "
            "may be given again.",
        ),
    ] = None,
    check: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Pictures or clips to compare the two on; else those of --int8, or samples.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="The share of pixels that must agree: 0.999, of 8 bits 0.985."
        ),
    ] = None,
) -> None:
    """Convert a trained network to TensorFlow Lite, checked against the original.

    rimlight export person/best.keras -o person.tflite

    rimlight export person/best.keras --int8 photos/ --check other-photos/ -o small.tflite

    rimlight live --model person.yaml

    Both are run on real pictures. Where too many pixels change their class, nothing is written.
    """
    number = _number(float16=float16, dynamic=dynamic, int8=bool(int8))
    from rimlight.cli.train import needs_tensorflow
    from rimlight.sinks.paths import check_can_be_folder, check_free

    check_can_be_folder(out.parent)
    for made in (out, out.with_suffix(".yaml")):
        check_free(made, overwrite=overwrite)
    needs_tensorflow()
    from rimlight.lab.training.export import export as run

    done = run(
        model, out, number=number, calibration=int8 or (), check=check or (), least=min_agreement
    )
    found = done.sameness
    typer.echo(
        f"{done.file}: {done.file.stat().st_size / 1e6:.2f} MB, {number}; same class on "
        f"{found.argmax:.3%} of the pixels of {found.pictures} pictures (worst "
        f"{found.worst:.3%}), scores within {found.difference:.2g}"
    )
    typer.echo(f"use it: --model {done.card}")


def _number(*, float16: bool, dynamic: bool, int8: bool) -> Number:
    asked: dict[Number, bool] = {"float16": float16, "dynamic": dynamic, "int8": int8}
    chosen = [name for name, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"choose one of {', '.join('--' + name for name in chosen)}")
    return chosen[0] if chosen else "float16"
