"""`rimlight doctor`, `setup-camera`, `devices` and `service`: the machine and its cameras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.commands import Command

if TYPE_CHECKING:
    from rimlight.system.v4l2 import CameraDescription, CameraFormat, CameraMode

_COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}

SHOWN_FORMATS = 6
"""Formats beyond these are counted, not listed: a test device has hundreds."""

service = typer.Typer(
    help="Start a live run with the desktop session (systemd).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- ARGUMENTS", help="Arguments of `rimlight live`."),
]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check cameras, models and the machine; print how to fix problems.

    The exit code is 1 if there is a problem; warnings do not count.
    """
    from rimlight.doctor.checks import has_no_problem, run_checks

    findings = run_checks()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            label = typer.style(f"{finding.level:8}", fg=_COLORS[finding.level])
            typer.echo(f"{label} {finding.subject}: {finding.text}")
            if finding.fix:
                typer.echo(f"         -> {finding.fix}")
    if not has_no_problem(findings):
        raise typer.Exit(1)


def setup_camera(
    apply: Annotated[bool, typer.Option("--apply", help="Run the commands.")] = False,
) -> None:
    """Print (or run) the commands that set up a virtual camera."""
    from rimlight.doctor.machine import Machine, make_setup_steps

    steps = make_setup_steps(Machine())
    if not steps:
        typer.echo("nothing to do: the virtual camera is set up")
    for step in steps:
        typer.echo(f"# {step.reason}\n{step.command}")
        if apply:
            _run_step(step.command)


def _run_step(command: str) -> None:
    """Run one command in a shell.

    Raises:
        typer.Exit: it failed, so the next ones would fail too.
    """
    allowed = command.replace("sudo ", "") if os.geteuid() == 0 else command
    code = subprocess.run(allowed, shell=True, check=False).returncode
    if code:
        typer.echo(f"the command failed with exit code {code}", err=True)
        raise typer.Exit(1)


def devices() -> None:
    """List cameras and virtual cameras with their formats."""
    from rimlight.system.v4l2 import list_cameras

    cameras = list_cameras()
    if not cameras:
        typer.echo("no cameras found")
        if sys.platform != "linux":
            typer.echo("(listing needs Linux; `rimlight live --source 0` still tries the first)")
        return
    for camera in cameras:
        for line in _describe_camera(camera):
            typer.echo(line)


def _describe_camera(camera: CameraDescription) -> Iterator[str]:
    """Yield the lines that describe one camera."""
    kinds = ["camera"] * camera.can_capture + ["virtual camera"] * camera.can_output
    role = " and ".join(kinds) or "neither provides nor accepts frames now"
    yield f"{camera.path}  {camera.card} ({camera.driver}, {camera.bus}): {role}"
    for format_ in camera.formats[:SHOWN_FORMATS]:
        yield f"    {format_.fourcc:6} {_format_modes(format_)}"
    if len(camera.formats) > SHOWN_FORMATS:
        yield f"    and {len(camera.formats) - SHOWN_FORMATS} more formats"


def _format_modes(format_: CameraFormat) -> str:
    return ", ".join(_format_mode(mode) for mode in format_.modes) or "any size"


def _format_mode(mode: CameraMode) -> str:
    size = f"{mode.size[0]}x{mode.size[1]}"
    rates = "/".join(f"{float(rate):g}" for rate in mode.rates)
    return f"{size} at {rates} fps" if rates else size


@service.command("install", cls=Command)
def install_service(words: Words = None) -> None:
    """Write a systemd user unit and a menu entry, and print the command that starts them.

    rimlight service install -- --source /dev/video0 --background ~/office.jpg
    """
    from rimlight.doctor import service as systemd

    for path in systemd.install(_make_paths_absolute(words)):
        typer.echo(f"wrote {path}")
    typer.echo(f"start it now and with every session:\n  {systemd.START}")


@service.command("uninstall", cls=Command)
def uninstall_service() -> None:
    """Remove the unit and the menu entry, and print the command that stops it."""
    from rimlight.doctor import service as systemd

    typer.echo(f"stop it first:\n  {systemd.STOP}")
    for path in systemd.uninstall():
        typer.echo(f"removed {path}")


@service.command("show", cls=Command)
def show_service(words: Words = None) -> None:
    """Print the unit without writing it and without passwords."""
    from rimlight.core.addresses import hide_secrets
    from rimlight.doctor import service as systemd

    shown = [hide_secrets(word) for word in _make_paths_absolute(words)]
    typer.echo(systemd.make_unit(shown, (sys.executable, "-m", "rimlight")), nl=False)


def _make_paths_absolute(words: list[str] | None) -> list[str]:
    """Return the words with paths made absolute, because the unit runs in the home folder."""
    return [str(Path(word).resolve()) if _is_path(word) else word for word in words or ()]


def _is_path(word: str) -> bool:
    return os.path.isfile(word) or (os.sep in word and os.path.isdir(word))
