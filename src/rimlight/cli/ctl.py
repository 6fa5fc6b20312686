"""`rimlight ctl`: sends a command to a live run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rimlight.core.errors import ConfigError
from rimlight.core.printable import make_printable

VERBS = """camera DEVICE, background FILE or COLOR, blur PIXELS (or +5, -5), next, mirror, framing,
freeze, panic (each on, off, or toggled without a value), keep CLASSES (or largest, center, id:3,
all), exclude CLASSES, objects, model NAME, quality NAME, profile NAME, max-cpu PERCENT (or off),
record (on, off, or FILE), panel (its address), choices, status, stop"""

_WITH_FILE = frozenset({"background", "model", "profile"})
"""Verbs whose value may be a file."""


def ctl(
    words: Annotated[list[str], typer.Argument(metavar="VERB [VALUE]", help=VERBS)],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    path: Annotated[
        Path | None,
        typer.Option(
            "--control-socket",
            metavar="PATH",
            help="The socket of the run (default: in XDG_RUNTIME_DIR).",
        ),
    ] = None,
) -> None:
    """Send a command to a live run, or print its status.

    rimlight ctl background office.jpg

    rimlight ctl panic

    rimlight ctl status --json
    """
    from rimlight.live.control_socket import get_default_socket, send_command

    answer = send_command(path or get_default_socket(), _resolve_files(words))
    if as_json:
        typer.echo(json.dumps(answer.get("status", answer)))
    if not answer["ok"]:
        raise ConfigError(answer["text"], hint=answer["hint"])
    if not as_json:
        typer.echo(make_printable(answer.get("text") or _format_status(answer["status"])))


def _resolve_files(words: list[str]) -> list[str]:
    """Return the words with file paths made absolute, because the run may have another folder.

    Only where a verb takes a file, and not in place of a name or color: whatever lies in the
    folder here, `panic on` stays `panic on`.
    """
    if len(words) == 2 and words[0] == "record" and words[1] not in ("on", "off"):
        return ["record", os.path.abspath(os.path.expanduser(words[1]))]
    if len(words) != 2 or words[0] not in _WITH_FILE or not os.path.isfile(words[1]):
        return words
    verb, word = words
    if verb == "background":
        from rimlight.imaging.palette import is_color

        is_name = is_color(word)
    else:
        is_name = not os.path.dirname(word) and not Path(word).suffix
    return words if is_name else [verb, str(Path(word).resolve())]


def _format_status(status: dict[str, Any]) -> str:
    """Return a status as lines of text."""
    wide = max(map(len, status))
    return "\n".join(f"{name:{wide}}  {_format_value(value)}" for name, value in status.items())


def _format_value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value != "" else "-"
