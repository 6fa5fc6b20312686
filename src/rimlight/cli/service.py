"""`rimlight service`: the live run starts with the desktop session (systemd)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Let a live run start with the session (systemd).", no_args_is_help=True)

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- ARGUMENTS", help="What `rimlight live` gets."),
]


@app.command()
def install(words: Words = None) -> None:
    """Write a systemd user unit and a menu entry, and print the command that starts it.

    rimlight service install -- --source /dev/video0 --background ~/office.jpg
    """
    from rimlight.doctor import service

    for path in service.install(_absolute(words)):
        typer.echo(f"wrote {path}")
    typer.echo(f"start it now and with every session:\n  {service.START}")


@app.command()
def uninstall() -> None:
    """Remove the unit and the menu entry, and print the command that stops it."""
    from rimlight.doctor import service

    typer.echo(f"stop it first:\n  {service.STOP}")
    for path in service.uninstall():
        typer.echo(f"removed {path}")


@app.command()
def show(words: Words = None) -> None:
    """Print the unit and write nothing; passwords in addresses are left out."""
    import sys

    from rimlight.core.addresses import hide_secrets
    from rimlight.doctor import service

    shown = [hide_secrets(word) for word in _absolute(words)]
    typer.echo(service.unit_text(shown, (sys.executable, "-m", "rimlight")), nl=False)


def _absolute(words: list[str] | None) -> list[str]:
    """Name files so that they are found from the service's folder, which is the user's home."""
    return [str(Path(word).resolve()) if os.path.isfile(word) else word for word in words or ()]
