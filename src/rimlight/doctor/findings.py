"""What the doctor says: one finding for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: such as "virtual camera".
        level: how bad it is.
        text: what was found.
        mend: the exact command that mends it; "" where nothing is wrong.
    """

    what: str
    level: Level
    text: str
    mend: str = ""


def ok(what: str, text: str) -> Finding:
    """Nothing is wrong."""
    return Finding(what, Level.OK, text)


def warning(what: str, text: str, mend: str) -> Finding:
    """It works, but less well than it could, or not for everything."""
    return Finding(what, Level.WARNING, text, mend)


def problem(what: str, text: str, mend: str) -> Finding:
    """Something that a user will want does not work."""
    return Finding(what, Level.PROBLEM, text, mend)


def is_well(findings: Iterable[Finding]) -> bool:
    """Say whether there is no problem among `findings`."""
    return all(finding.level is not Level.PROBLEM for finding in findings)
