"""Numbers and lists in messages."""

from __future__ import annotations

from collections.abc import Sequence


def format_count(number: int, what: str) -> str:
    """Return a number of things in words: 1 file, 2 files."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def join_names(names: Sequence[str], most: int = 5) -> str:
    """Join names; of more than `most` the others are counted."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
