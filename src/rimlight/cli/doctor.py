"""`rimlight doctor` and `rimlight setup-camera`: what is missing, and the commands that mend it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from typing import Annotated

import typer

_COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at cameras, virtual cameras, models and the machine; say how to mend what is wrong.

    The exit code is 1 when there is a problem; warnings do not count.
    """
    from rimlight.doctor.checks import examine
    from rimlight.doctor.findings import is_well

    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            label = typer.style(f"{finding.level:8}", fg=_COLORS[finding.level])
            typer.echo(f"{label} {finding.what}: {finding.text}")
            if finding.mend:
                typer.echo(f"         -> {finding.mend}")
    if not is_well(findings):
        raise typer.Exit(1)


def setup_camera(
    apply: Annotated[bool, typer.Option("--apply", help="Run the commands.")] = False,
) -> None:
    """Print what sets up a virtual camera on this machine; with --apply, do it."""
    from rimlight.doctor.machine import Machine
    from rimlight.doctor.setup import camera_steps

    steps = camera_steps(Machine())
    if not steps:
        typer.echo("there is nothing to do: the virtual camera is set up")
    for step in steps:
        typer.echo(f"# {step.why}\n{step.command}")
        if apply:
            _run(step.command)


def _run(command: str) -> None:
    """Run one step in a shell.

    Raises:
        typer.Exit: it failed; the steps after it would too.
    """
    mine = command.replace("sudo ", "") if os.geteuid() == 0 else command
    code = subprocess.run(mine, shell=True, check=False).returncode
    if code:
        typer.echo(f"that command failed with exit code {code}", err=True)
        raise typer.Exit(1)
