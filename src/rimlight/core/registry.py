"""Names for parts: a table of "module:Class", imported only when asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rimlight.core.errors import ConfigError, MissingDependencyError

_REGISTRIES = {
    "source": "rimlight.sources:SOURCES",
    "segmenter": "rimlight.segmenters:SEGMENTERS",
    "refiner": "rimlight.refiners:REFINERS",
    "effect": "rimlight.effects:EFFECTS",
    "sink": "rimlight.sinks:SINKS",
}


def find_registry(family: str) -> Registry:
    """Return the registry of "source", "segmenter", "refiner", "effect" or "sink"."""
    module, _, name = _REGISTRIES[family].partition(":")
    registry: Registry = getattr(import_module(module), name)
    return registry


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a part lives, and which pip extra brings what it needs (None: the core does)."""

    target: str
    extra: str | None = None
    summary: str = ""


class Registry:
    """The parts of one family, by name."""

    def __init__(self, what: str, entries: Mapping[str, Entry]) -> None:
        self.what = what
        self._entries = dict(entries)

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._entries))

    def entry(self, name: str) -> Entry:
        """Return the entry of `name`.

        Raises:
            ConfigError: there is no part of that name; the hint suggests one.
        """
        if name not in self._entries:
            raise ConfigError(f"unknown {self.what} {name!r}", hint=suggest(name, self.names()))
        return self._entries[name]

    def load(self, name: str) -> type[Any]:
        """Import and return the class of `name`.

        Raises:
            ConfigError: there is no part of that name; the hint suggests one.
            MissingDependencyError: the part needs a package that is not installed.
        """
        entry = self.entry(name)
        module, _, attribute = entry.target.partition(":")
        try:
            loaded: type[Any] = getattr(import_module(module), attribute)
        except ModuleNotFoundError as exc:
            if exc.name and exc.name.startswith("rimlight"):
                raise
            extra = f"rimlight[{entry.extra}]" if entry.extra else "rimlight"
            raise MissingDependencyError(
                f"{self.what} {name!r} needs {exc.name}, which is not installed",
                hint=f"pip install '{extra}'",
            ) from exc
        return loaded


def suggest(name: str, known: tuple[str, ...]) -> str:
    """Return "did you mean 'x'? known: ..." for a name that is not in `known`."""
    close = find_near(name, known)
    guess = f"did you mean {close!r}? " if close else ""
    return f"{guess}known: {', '.join(known)}"


def find_near(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that is most like `name`, None where none is like it."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)
