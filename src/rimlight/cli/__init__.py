"""The command line: the only place that prints, reads argv or exits.

Every command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from rimlight.cli import (
    batch,
    bench,
    ctl,
    demo,
    devices,
    distil,
    doctor,
    evaluate,
    export,
    live,
    models,
    objects,
    process,
    prune,
    road,
    service,
    train,
)
from rimlight.errors import RimlightError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cut people, things and roads out of video as it plays.",
    epilog="Start with: rimlight demo",
)
app.command("demo")(demo.demo)
app.command("process")(process.process)
app.command("batch")(batch.batch)
app.command("live")(live.live)
app.command("ctl", context_settings={"ignore_unknown_options": True})(ctl.ctl)
app.command("doctor")(doctor.doctor)
app.command("setup-camera")(doctor.setup_camera)
app.command("road")(road.road)
app.command("objects")(objects.objects)
app.command("devices")(devices.devices)
app.command("eval")(evaluate.evaluate)
app.command("bench")(bench.bench)
app.command("train")(train.train)
app.command("distil")(distil.distil)
app.command("prune")(prune.prune)
app.command("export")(export.export)
app.add_typer(models.app, name="models")
app.add_typer(service.app, name="service")


def _print_version(wanted: bool) -> None:
    if wanted:
        from rimlight import __version__

        typer.echo(f"rimlight {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Cut people, things and roads out of video as it plays."""


def main() -> None:
    """Run the app; an expected failure is two lines and an exit code, never a traceback."""
    try:
        app()
    except RimlightError as exc:
        typer.secho(f"error: {exc}", err=True, fg="red")
        if exc.hint:
            typer.echo(f"hint:  {exc.hint}", err=True)
        raise SystemExit(exc.exit_code) from None
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
