"""`rimlight demo`: the main job on the shipped sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.flags import Overwrite


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the results.")
    ] = Path("rimlight-demo"),
    *,
    overwrite: Overwrite = False,
) -> None:
    """Cut the person out of the shipped sample: two videos and a picture, nothing else needed."""
    from rimlight.cli.run import run_to_end
    from rimlight.factory.validation import validate_config
    from rimlight.offline.demo import demo_runs, write_sheet
    from rimlight.sinks.paths import check_report
    from rimlight.system.atomic_io import make_folder

    make_folder(output)
    sheet = output / "compare.png"
    check_report(sheet, overwrite=overwrite)
    runs = demo_runs(output, overwrite=overwrite)
    for run in runs:
        validate_config(run)
    for run in runs:
        run_to_end(run, label=Path(run.sinks[0].options["path"]).name)
    write_sheet(runs, sheet)
    typer.echo(f"look at {sheet} first: input, mask and both results side by side")
