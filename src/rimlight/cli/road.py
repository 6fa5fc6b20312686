"""`rimlight road`: classes painted on dashcam footage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.flags import ConfigFile, DryRun, Model, Quiet, Settings, Threads, segmenter_keys

SHOWN_FROM = 0.001
"""Classes below this share of the picture are not listed."""


def road(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A video, a folder of pictures, a camera or a URL."),
    ],
    *,
    output: Annotated[
        list[str],
        typer.Option(
            "--output", "-o", metavar="OUTPUT", help="A video, a folder for pictures, or window."
        ),
    ],
    model: Model = None,
    threads: Threads = None,
    opacity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How strongly classes are painted.")
    ] = None,
    legend: Annotated[bool, typer.Option(help="Name the colours in the picture.")] = True,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Paint road, cars, people and the rest on dashcam footage, and say how much there was.

    rimlight road dashcam.mp4 -o painted.mp4

    rimlight road dashcam.mp4 --model cityscapes --opacity 0.4 -o painted.mp4
    """
    from rimlight.cli.run import print_plan, run_to_end
    from rimlight.jobs import job_config
    from rimlight.road.shares import ShareTally

    run = job_config(
        "road",
        source=source,
        sinks=output,
        segmenter=segmenter_keys(model, threads),
        options={"overlay": {"opacity": opacity, "legend": legend}},
        config=config,
        settings=set_ or (),
    )
    if dry_run:
        print_plan(run)
        return
    tally = ShareTally()
    run_to_end(run, label=Path(source).name or source, watchers=[tally], quiet=quiet)
    if not quiet:
        _print_shares(tally.shares)


def _print_shares(shares: Mapping[str, float]) -> None:
    width = max((len(name) for name in shares), default=0)
    typer.echo("mean share of the picture:")
    for name, share in shares.items():
        if share >= SHOWN_FROM:
            typer.echo(f"  {name:{width}}  {share:6.1%}")
