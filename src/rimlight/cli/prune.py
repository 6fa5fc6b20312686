"""`rimlight prune`: a smaller network out of a trained one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import Quiet, Settings
from rimlight.cli.train import needs_tensorflow, watching

if TYPE_CHECKING:
    from rimlight.lab.training.prune import PruneResult


def prune(
    model: Annotated[Path, typer.Argument(help="A .keras file of `rimlight train`.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DATA]...", help="Instead of the folders it was trained on."),
    ] = None,
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where all results go; a run goes on."),
    ],
    sparsity: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="The share of weights or filters that goes.")
    ] = 0.3,
    filters: Annotated[
        bool, typer.Option("--filters", help="Take whole filters: fewer sums, so less time.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="The YAML file of its training; else what its folder remembers."
        ),
    ] = None,
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Take the least important weights, or filters, from a network and train what is left.

    Weights become zeros: the file compresses better, and takes no less time on a CPU, which
    multiplies with zeros too. Filters go for good: that saves time, at a higher price.

    rimlight prune person/best.keras --sparsity 0.3 -o person-pruned/

    rimlight prune person/best.keras --sparsity 0.4 --filters -o narrow/ --set epochs=20
    """
    from rimlight.cli.train import check_training_folder

    check_training_folder(out)
    needs_tensorflow()
    from rimlight.lab.training.prune import prune as run
    from rimlight.lab.training.prune import remembered
    from rimlight.lab.training.prune_options import PruneOptions, load_tuning

    trained = None if config else remembered(model)
    training = load_tuning(config, settings or (), data=data or (), trained=trained)
    options = PruneOptions(sparsity=sparsity, what="filters" if filters else "weights")
    with watching(quiet=quiet) as watch:
        result = run(model, options, training, out, watch=watch)
    _print(result, filters=filters)


def _print(result: PruneResult, *, filters: bool) -> None:
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
    if filters:
        typer.echo("measure its speed: rimlight bench --networks " + str(result.trained.model))
    else:
        typer.echo("it takes as long as before: a CPU multiplies with zeros too (--filters saves)")
