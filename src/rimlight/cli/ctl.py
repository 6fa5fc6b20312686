"""`rimlight ctl`: a word to the live run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rimlight.errors import ConfigError

VERBS = """background FILE or COLOUR, blur PIXELS (or +5, -5), next, mirror, freeze, panic (each
on, off, or without a value the other way round), keep CLASSES (or largest, center, id:3,
all), drop CLASSES, objects, model NAME, profile NAME, status, stop"""


def ctl(
    words: Annotated[list[str], typer.Argument(metavar="VERB [VALUE]", help=VERBS)],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    path: Annotated[
        Path | None, typer.Option("--ctl", metavar="SOCKET", help="Which run; else the usual one.")
    ] = None,
) -> None:
    """Change a live run while it runs, or ask how it stands.

    rimlight ctl background office.jpg

    rimlight ctl panic

    rimlight ctl status --json
    """
    from rimlight.remote import ask, default_socket

    said = [str(Path(word).resolve()) if os.path.isfile(word) else word for word in words]
    answer = ask(path or default_socket(), said)
    if as_json:
        typer.echo(json.dumps(answer.get("status", answer)))
    if not answer["ok"]:
        raise ConfigError(answer["text"], hint=answer["hint"])
    if not as_json:
        typer.echo(answer.get("text") or _table(answer["status"]))


def _table(status: dict[str, Any]) -> str:
    """Lay out a status for people."""
    wide = max(map(len, status))
    return "\n".join(f"{name:{wide}}  {_shown(value)}" for name, value in status.items())


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value != "" else "-"
