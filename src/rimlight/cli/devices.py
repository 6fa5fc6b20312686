"""`rimlight devices`: cameras and virtual cameras, with what they can do."""

from __future__ import annotations

import sys

import typer


def devices() -> None:
    """List cameras and virtual cameras, with their formats, sizes and rates."""
    from rimlight.sources.v4l2 import list_cameras

    found = list_cameras()
    if not found:
        typer.echo("no cameras found")
        if sys.platform != "linux":
            typer.echo("(listing needs Linux; `rimlight live --source 0` still tries the first)")
        return
    for camera in found:
        typer.echo(str(camera))
