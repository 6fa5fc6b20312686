"""`rimlight devices`: cameras and virtual cameras, with what they can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rimlight.system.v4l2 import CameraDescription, CameraFormat, CameraMode

SHOWN_FORMATS = 6
"""Formats beyond this many are counted, not listed: a test device has hundreds."""


def devices() -> None:
    """List cameras and virtual cameras, with their formats, sizes and rates."""
    from rimlight.system.v4l2 import list_cameras

    found = list_cameras()
    if not found:
        typer.echo("no cameras found")
        if sys.platform != "linux":
            typer.echo("(listing needs Linux; `rimlight live --source 0` still tries the first)")
        return
    for camera in found:
        for line in described(camera):
            typer.echo(line)


def described(camera: CameraDescription) -> Iterator[str]:
    """Yield the lines that tell a person about one camera."""
    kinds = ["camera"] * camera.can_capture + ["virtual camera"] * camera.can_output
    role = " and ".join(kinds) or "neither gives nor takes pictures now"
    yield f"{camera.path}  {camera.card} ({camera.driver}, {camera.bus}): {role}"
    for each in camera.formats[:SHOWN_FORMATS]:
        yield f"    {each.fourcc:6} {_modes(each)}"
    if len(camera.formats) > SHOWN_FORMATS:
        yield f"    and {len(camera.formats) - SHOWN_FORMATS} more formats"


def _modes(each: CameraFormat) -> str:
    return ", ".join(_mode(mode) for mode in each.modes) or "any size"


def _mode(mode: CameraMode) -> str:
    size = f"{mode.size[0]}x{mode.size[1]}"
    rates = "/".join(f"{float(rate):g}" for rate in mode.rates)
    return f"{size} at {rates} fps" if rates else size
