"""Distinguish local paths, `file://` addresses and network addresses."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

_LOCAL_HOSTS = ("", "localhost")


def strip_file_scheme(text: str) -> str:
    """Return the path of a `file://` address; any other text unchanged.

    Percent-encoding is decoded, unless a file with the literal name exists.
    """
    if not text.lower().startswith("file://"):
        return text
    host, slash, rest = text[len("file://") :].partition("/")
    if host.lower() not in _LOCAL_HOSTS:
        return text
    literal = slash + rest
    decoded = unquote(literal, errors="surrogateescape")
    return literal if os.path.exists(literal) and not os.path.exists(decoded) else decoded


def is_network_address(text: str) -> bool:
    """Return True if `text` is an address of a network protocol."""
    return "://" in strip_file_scheme(text)


def parse_host(address: str) -> str:
    """Return the host of an address; "" if it has none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
