"""Polygons of objects as YOLO-seg data sets write them: images/NAME.jpg, labels/NAME.txt.

A line is a class id and the points of one object as shares of the image's width and height. A
line of four numbers is a box, which is not a polygon.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BEYOND = 0.5  # of the picture's sides: tools round, and things reach over the edge


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One thing.

    Attributes:
        line: its line in the file, from 1.
        class_id: 0 or more.
        points: float64 (n, 2), at least three, as shares of the picture's width and height.
    """

    line: int
    class_id: int
    points: NDArray[np.float64]


def is_outlined(folder: Path) -> bool:
    """Say whether a folder holds pictures and files of outlines."""
    return all(os.path.isdir(folder / name) for name in ("images", "labels"))


def read_outlines(path: Path) -> tuple[list[Outline], list[str]]:
    """Return the things in a label file, and a phrase for each line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        return [], [f"cannot read {path.name}: {exc}"]
    found: list[Outline] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_parse_outline(number, line))
        except ValueError as exc:
            wrong.append(f"line {number} of {path.name}: {exc}")
    return found, wrong


def _parse_outline(number: int, line: str) -> Outline:
    word, *words = line.split()
    points = np.array(words, np.float64)
    if int(word) < 0:
        raise ValueError(f"unknown id {word}")
    if points.size == 4:
        raise ValueError("it is a box, not an outline")
    if points.size < 6 or points.size % 2:
        raise ValueError(f"{points.size} numbers are no outline")
    if not np.all((points > -_BEYOND) & (points < 1 + _BEYOND)):
        raise ValueError("its numbers must be shares of the picture's sides, 0 to 1")
    return Outline(number, int(word), points.reshape(-1, 2))
