"""Tell a path from an address, also where a path is written as one (`file://`)."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

_HERE = ("", "localhost")


def plain_path(text: str) -> str:
    """Return the path that a `file://` address names; any other text unchanged.

    Percent signs are decoded, as file managers encode blanks and other signs. A file whose name
    holds such a sequence literally is found, too.
    """
    if not text.lower().startswith("file://"):
        return text
    host, slash, rest = text[len("file://") :].partition("/")
    if host.lower() not in _HERE:
        return text
    literal = slash + rest
    decoded = unquote(literal, errors="surrogateescape")
    return literal if os.path.exists(literal) and not os.path.exists(decoded) else decoded


def is_address(text: str) -> bool:
    """Return True if `text` names something that is reached over a network."""
    return "://" in plain_path(text)


def host_of(address: str) -> str:
    """Return the host of an address, "" where there is none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
