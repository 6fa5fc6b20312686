"""The commands by name, imported when they are used, and the layout of their help."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

PANELS = {
    "Video and images": {
        "demo": "process:demo",
        "process": "process:process",
        "batch": "batch:batch",
        "road": "road:road",
        "redact": "redact:redact",
        "objects": "objects:objects",
        "verify": "verify:verify",
    },
    "Live": {
        "live": "live:live",
        "panel": "panel:panel",
        "ctl": "ctl:ctl",
        "devices": "doctor:devices",
        "setup-camera": "doctor:setup_camera",
        "service": "doctor:service",
        "doctor": "doctor:doctor",
    },
    "Models and training": {
        "models": "models:app",
        "train": "training:train",
        "distill": "training:distill",
        "prune": "training:prune",
        "export": "training:export",
        "eval": "evaluate:evaluate",
        "compare": "compare:compare",
        "bench": "bench:bench",
    },
    "Help": {
        "options": "options:options",
    },
}
"""Panel of the help -> command -> module of `rimlight.cli` and its function, or app."""

COMMANDS = {name: target for commands in PANELS.values() for name, target in commands.items()}
"""Command -> module of `rimlight.cli` and its function, or its app of several commands."""

SUMMARIES = Path(__file__).with_name("commands.json")
"""First lines of help, so that `rimlight --help` imports no command; written with the options."""

_SETTINGS: dict[str, Any] = {"ctl": {"ignore_unknown_options": True}}


class Command(TyperCommand):
    """A command whose help groups the flags by panel, as plain text of any width."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then flags by panel in the order of their first flag."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                is_argument = param.param_type_name == "argument"
                panel = getattr(param, "rich_help_panel", None) or "Options"
                panels.setdefault("Arguments" if is_argument else panel, []).append(record)
        for panel in sorted(panels, key=lambda name: name == "Options"):
            with formatter.section(panel):
                formatter.write_dl(panels[panel])


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name; each is imported when it is looked up."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name, COMMANDS[name])
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("a command cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    """The program: a group of lazily imported commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": LazyCommands()})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by panel, each with the first line of its help."""
        width = max(map(len, COMMANDS))
        summaries = json.loads(SUMMARIES.read_text(encoding="utf-8"))
        for panel, commands in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl([(f"{name:{width}}", summaries[name]) for name in commands])


def read_summaries() -> dict[str, str]:
    """Import every command; return the first line of its help by name."""
    commands = LazyCommands()
    return {name: commands[name].get_short_help_str(200) for name in COMMANDS}


def read_docstring(function: Callable[..., None]) -> str | None:
    """Return a command's docstring; from its source under `python -OO`, which drops docstrings."""
    if function.__doc__ is not None or sys.flags.optimize < 2:
        return function.__doc__
    import ast
    import inspect

    definition = ast.parse(inspect.getsource(function)).body[0]
    return ast.get_docstring(definition) if isinstance(definition, ast.FunctionDef) else None


def _build(name: str, target: str) -> Any:
    """Import a command and return it as typer runs it."""
    module, _, attribute = target.partition(":")
    found = getattr(import_module(f"rimlight.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        function = found
        found = typer.Typer(add_completion=False, rich_markup_mode=None)
        settings = _SETTINGS.get(name)
        found.command(name, help=read_docstring(function), cls=Command, context_settings=settings)(
            function
        )
    found._add_completion = False
    command = typer.main.get_command(found)
    command.name = name
    return command
