"""Front, rear and cabin: which camera of a dashcam a file is from, told by its name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from rimlight.sources.clock import time_in_name

_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""The words, abbreviations and numbers of a name: 0015, F; Video, Front, 001."""

_WORDS = {
    "front": ("front", "forward", "outside"),
    "rear": ("rear", "back", "behind"),
    "inside": ("inside", "interior", "cabin", "incabin", "indoor"),
    "left": ("left",),
    "right": ("right",),
    "repeater": ("repeater",),
    "pillar": ("pillar",),
}
_WORD = {word: name for name, words in _WORDS.items() for word in words}
_CAMERA = frozenset({"cam", "camera", "ch", "chn", "channel"})
_COMPOUND = re.compile(r"(front|rear|back|inside|left|right)(?:camera|cam|view)", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z]?[FRI]|[FR][HL]|[A-Dabcdfri]")
"""As cameras end their names: F, R, A, B; NF and PR (BlackVue); FH and RL (Nextbase)."""
_LETTER_NAMES = {"F": "front", "R": "rear", "I": "inside"}
_LENS = re.compile(r"VID_\d+_\d+_(00|10)_\d+", re.IGNORECASE)
"""Insta360 writes one file for each of its two lenses."""

_SAME_MOMENT_S = 3
"""Files of two cameras that begin together have times in their names no further apart."""


def by_channel(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group the files of one drive by the camera that their names tell, the front one first.

    Names count as those of cameras only where it is certain enough: front and rear are both there,
    or two files of one moment differ in nothing else.

    Returns:
        What to call the camera -> its files; one group, "", where there is only one camera.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[channel_of(file)].append(file)
    if len(groups) < 2 or not _are_cameras(groups):
        return {"": list(files)}
    plain = groups.pop("", [])
    if plain and _have_pair([plain, *groups.values()], first_only=True):
        groups[""] = plain
    elif plain:
        groups[min(groups, key=_rank)] += plain
    return {name: groups[name] for name in sorted(groups, key=_rank)}


def channel_of(file: Path) -> str:
    """Return what to call the camera that a file is from; "" where its name does not tell."""
    return _channel(file.stem) or _channel(file.parent.name, is_folder=True)


def _channel(name: str, *, is_folder: bool = False) -> str:
    if lens := _LENS.fullmatch(name):
        return f"lens {lens[1]}"
    tokens = _tokens(name)
    if words := [_WORD[token.lower()] for token in tokens if token.lower() in _WORD]:
        return " ".join(words)
    if number := _camera_number(tokens):
        return f"camera {int(tokens[number])}"
    if is_folder and (found := re.search(r"(?:^|[_\- ])([A-D])$", name)):
        return found[1]
    place = _letter(name)
    return _LETTER_NAMES.get(place[0].upper().strip("HL")[-1:], place[0].upper()) if place else ""


def _camera_number(tokens: Sequence[str]) -> int:
    """Return which of the tokens numbers a camera, as in cam1 and ch02; 0 where none does."""
    for place, (before, number) in enumerate(pairwise(tokens), start=1):
        if before.lower() in _CAMERA and re.fullmatch(r"0?\d", number):
            return place
    return 0


def _letter(name: str) -> re.Match[str] | None:
    """Return the last letters of a name, where they are those of a camera."""
    runs = list(re.finditer(r"[^\W\d_]+", name))
    found = runs[-1] if runs else None
    if found is None or not _LETTERS.fullmatch(found[0]):
        return None
    if found[0] in "ABCDabcd":  # a.mp4, b.mp4 and trip1b.mp4 are parts
        is_sure = any(map(str.isdigit, name)) if found[0].isupper() else time_in_name(name)
        return found if is_sure else None
    return found


def _tokens(name: str) -> list[str]:
    return _TOKENS.findall(_COMPOUND.sub(r"\1", name))


def _rank(channel: str) -> tuple[int, str]:
    order = ("front", "A", "", "camera 1", "lens 00")
    first = channel.split(" ", maxsplit=1)[0] if channel.startswith("front") else channel
    last = 9 if channel.startswith("rear") else 5
    return (order.index(first) if first in order else last, channel)


def _are_cameras(groups: dict[str, list[Path]]) -> bool:
    return {"front", "rear"} <= groups.keys() or _have_pair(list(groups.values()))


def _have_pair(groups: Sequence[Sequence[Path]], *, first_only: bool = False) -> bool:
    """Whether files of two groups, one of them the first if `first_only`, are of one moment."""
    seen = [[(_rest(file), time_in_name(file.stem)) for file in files] for files in groups]
    for number, one in enumerate(seen[:1] if first_only else seen):
        names, times = {rest for rest, _ in one}, sorted(time for _, time in one if time)
        for rest, time in (item for others in seen[number + 1 :] for item in others):
            if rest in names or (time and _is_near(time, times)):
                return True
    return False


def _is_near(time: datetime, times: Sequence[datetime]) -> bool:
    return any(abs((time - other).total_seconds()) <= _SAME_MOMENT_S for other in times)


def _rest(file: Path) -> tuple[str, ...]:
    """Return the name without what tells the camera."""
    name = file.stem
    if _LENS.fullmatch(name):
        return tuple(name.upper().replace("_10_", "_00_").split("_"))
    tokens = _tokens(name)
    if number := _camera_number(tokens):
        tokens = tokens[: number - 1] + tokens[number + 1 :]
    elif not any(token.lower() in _WORD for token in tokens) and (place := _letter(name)):
        tokens = _tokens(name[: place.start()] + "_" + name[place.end() :])
    return tuple(token.lower() for token in tokens if token.lower() not in _WORD)
