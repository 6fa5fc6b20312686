"""The order in which people number their files."""

from __future__ import annotations

import re


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in names by value: 2.mp4 before 10.mp4."""
    pieces = re.findall(r"(\d+)|(\D+)", name)
    return [(0, int(number), "") if number else (1, 0, text) for number, text in pieces]
