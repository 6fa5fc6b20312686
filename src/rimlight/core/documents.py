"""Parses YAML and JSON that others wrote, within stated limits.

A document is data from outside: it may be cut off, nested without end, or built to fill memory.
Whatever a parser raises for that becomes a `DocumentError`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_DEPTH = 64
"""Levels of nesting that a document may have."""

MAX_NODES = 100_000
"""Values that a YAML document may have after its aliases are expanded."""


MAX_BYTES = 16 << 20
"""Bytes of a configuration, a card or a list."""


class DocumentError(ValueError):
    """The text is not a document that can be used; the message says why, in one line."""


def read_limited(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a file that may be a pipe, or a device without an end.

    Raises:
        DocumentError: it holds more than `max_bytes`.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DocumentError(f"it is larger than {max_bytes >> 20} MiB")
    return content


def read_text(path: Path) -> str:
    """Read a UTF-8 text of at most `MAX_BYTES`.

    Raises:
        DocumentError: it is longer, or not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return read_limited(path).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DocumentError(f"it is not UTF-8 text: {exc.reason} at byte {exc.start}") from exc


def parse_yaml(text: str) -> Any:
    """Parse one YAML document into plain values; dates stay text.

    Args:
        text: the document.

    Raises:
        DocumentError: it is not YAML, is nested deeper than `MAX_DEPTH`, has more than `MAX_NODES`
            values, or the same key twice.
    """
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)
    except DocumentError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as exc:
        raise DocumentError(" ".join(str(exc).split())) from exc


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON document; NaN and Infinity, which are not JSON, are refused.

    Args:
        text: the document; bytes are read as UTF-8.

    Raises:
        DocumentError: it is not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:  # UnicodeDecodeError is a ValueError
        raise DocumentError(" ".join(str(exc).split())) from exc


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C: ten times faster


class _Loader(_Base):  # type: ignore[misc]
    """YAML's safe loader without its guess that 2024-13-01 is a date."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass
class _Open:
    """A list or mapping that is being read: its anchor, and its values so far."""

    anchor: str | None
    nodes: int = 1
    keys: set[str] | None = None
    """Of a mapping: the keys so far."""
    is_at_key: bool = True
    """Of a mapping: the next value is a key."""


@dataclass
class _Sizes:
    """Counts a document's values as if each alias were written out, and looks at its keys."""

    stack: list[_Open] = field(default_factory=lambda: [_Open(None)])
    anchors: dict[str, int] = field(default_factory=dict)

    def add(self, nodes: int, anchor: str | None = None) -> None:
        if anchor:
            self.anchors[anchor] = nodes
        self.stack[-1].nodes += nodes
        if self.stack[-1].nodes > MAX_NODES:
            raise DocumentError(f"it has more than {MAX_NODES:,} values")

    def open(self, anchor: str | None, *, is_mapping: bool) -> None:
        self.next()
        self.stack.append(_Open(anchor, keys=set() if is_mapping else None))
        if len(self.stack) > MAX_DEPTH:
            raise DocumentError(f"it is nested deeper than {MAX_DEPTH} levels")

    def next(self, text: str | None = None) -> None:
        """Take note of a key, or of its value; the same key twice would lose the first value."""
        top = self.stack[-1]
        if top.keys is None:
            return
        if top.is_at_key and text is not None and text != "<<":
            if text in top.keys:
                raise DocumentError(f"the key {text!r} is there twice")
            top.keys.add(text)
        top.is_at_key = not top.is_at_key

    def close(self) -> None:
        done = self.stack.pop()
        self.add(done.nodes, done.anchor)


def _check_size(text: str) -> None:
    """Read the document's events, which builds nothing, and count what they would build."""
    sizes = _Sizes()
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.open(event.anchor, is_mapping=isinstance(event, yaml.MappingStartEvent))
        elif isinstance(event, yaml.CollectionEndEvent):
            sizes.close()
        elif isinstance(event, yaml.ScalarEvent):
            sizes.next(event.value)
            sizes.add(1, event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            sizes.next()
            if event.anchor not in sizes.anchors:
                raise DocumentError(f"the alias *{event.anchor} stands for nothing before it")
            sizes.add(sizes.anchors[event.anchor])


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
