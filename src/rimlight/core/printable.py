"""Texts that cannot steer a terminal: a file may be called, and a card may say, anything."""

from __future__ import annotations

import logging


class _OneLine(logging.Formatter):
    """Log lines that the name of a file can neither forge nor steer the terminal with."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the message with control characters, ends of lines too, escaped."""
        return make_printable(super().formatMessage(record), spared="\t")


def make_printable(text: str, spared: str = "\n\t") -> str:
    """Return `text` with control characters escaped.

    Args:
        text: what is to be printed.
        spared: control characters that stay as they are.
    """
    return "".join(c if c.isprintable() or c in spared else _escaped(c) for c in text)


def keep_log_printable() -> None:
    """Let this process print each warning as one line, where no other handler is set up."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
