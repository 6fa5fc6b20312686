"""The video files that make up a drive, as cameras leave them on their cards."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from itertools import pairwise
from pathlib import Path

from rimlight.core.errors import SourceOpenError
from rimlight.core.wording import format_count, join_names
from rimlight.sources.image_paths import find_images
from rimlight.sources.recording_time import parse_time_in_name
from rimlight.system.file_kinds import is_image
from rimlight.system.folders import (
    expand_glob,
    is_companion,
    is_glob,
    list_folder,
    natural_sort_key,
)

_SMALL = frozenset({".lrv", ".lrf"})
"""Low-resolution copies that cameras make for their apps."""

_COMPANIONS = "thm gps 3gf gpx nmea srt txt log json xml csv"
_SIDECARS = frozenset(f".{kind}" for kind in _COMPANIONS.split())
"""What cameras leave next to their videos."""

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


@dataclass(frozen=True)
class Footage:
    """Video files of one drive, and what was left out of it, in words."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def list_inputs(text: str) -> tuple[Path, ...]:
    """Return every visible file that a folder with its sub-folders, a glob or a @list names.

    Args:
        text: a folder, a glob, "@FILE", or a path, which stands for itself.

    Raises:
        SourceOpenError: a folder or a list may not be read, or nothing matches a glob.
    """
    if text.startswith("@"):
        return tuple(find_images(text, recursive=False).paths)
    path = Path(os.path.expanduser(text))
    try:
        if os.path.isdir(path):
            return _sort_by_name(list_folder(path, recursive=True).files)
        if os.path.exists(path) or not is_glob(text):
            return (path,)
        files = expand_glob(str(path))
        if "**" not in text:  # which goes into every folder itself
            folders = [Path(name) for name in glob(str(path)) if os.path.isdir(name)]
            for folder in [one for one in folders if not is_companion(one.name)]:
                files += list_folder(folder, recursive=True).files
    except OSError as exc:
        raise SourceOpenError(
            f"cannot read {exc.filename or path}: {exc.strerror}", hint="check its permissions"
        ) from exc
    if not files:
        raise SourceOpenError(f"nothing matches {text}", hint=_suggest_suffix(path))
    return _sort_by_name(files)


def select_drive(files: Iterable[Path]) -> Footage:
    """Leave out of `files` what is no part of one drive: photos, copies, further cameras.

    What is neither a video nor a known companion is left for the opening to judge.
    """
    kept: list[Path] = list(dict.fromkeys(files))
    notes: list[str] = []
    rules: tuple[tuple[str, Callable[[Path, Sequence[Path]], bool]], ...] = (
        ("picture", lambda file, _: is_image(file.name)),
        ("companion file", lambda file, _: _is_companion(file)),
        ("low-resolution file", _is_small),
    )
    for what, matches in rules:
        out = [file for file in kept if matches(file, kept)]
        if out and len(out) < len(kept):
            kept = [file for file in kept if file not in set(out)]
            notes.append(f"left out {format_count(len(out), what)}: {_join_names(out)}")
    (name, main), *others = group_by_camera(kept).items()
    for other, out in others:
        notes.append(
            f"left out {format_count(len(out), 'file')} of another camera ({other or 'main'}; "
            f"kept: {name or 'main'}); give them alone to process it: {_join_names(out)}"
        )
    return Footage(tuple(main), tuple(notes))


def _sort_by_name(files: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(files, key=lambda file: (natural_sort_key(file.name), str(file))))


def _suggest_suffix(pattern: Path) -> str:
    """Return a hint for a glob that matches nothing: most often it is the case of its suffix."""
    for suffix in (pattern.suffix.lower(), pattern.suffix.upper()):
        other = pattern.with_suffix(suffix)
        if other != pattern and (found := len(glob(str(other), recursive=True))):
            return f"{other} matches {found}"
    return "check the folder and the pattern"


def _is_companion(file: Path) -> bool:
    return file.suffix.lower() in _SIDECARS or is_companion(file.name)


def _is_small(file: Path, files: Sequence[Path]) -> bool:
    """Return True for a low-resolution copy whose original is one of `files`."""
    if file.suffix.lower() in _SMALL or file.name.upper().startswith("LRV_"):
        return True
    stem = re.sub(r"([FR])L$", r"\1H", file.stem)  # Nextbase: FH and FL
    return stem != file.stem and any(other.stem == stem for other in files)


def _join_names(files: Sequence[Path]) -> str:
    return join_names([file.name for file in files])


def group_by_camera(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group the files of one drive by the camera that their names tell, the front one first.

    Names count as those of cameras only where it is certain enough: front and rear are both there,
    or two files of one moment differ in nothing else.

    Returns:
        What to call the camera -> its files; one group, "", where there is only one camera.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[get_camera_name(file)].append(file)
    if len(groups) < 2 or not _is_camera_set(groups):
        return {"": list(files)}
    plain = groups.pop("", [])
    if plain and _has_pair([plain, *groups.values()], first_only=True):
        groups[""] = plain
    elif plain:
        groups[min(groups, key=_get_rank)] += plain
    return {name: groups[name] for name in sorted(groups, key=_get_rank)}


def get_camera_name(file: Path) -> str:
    """Return what to call the camera that a file is from; "" where its name does not tell."""
    return _parse_camera_name(file.stem) or _parse_camera_name(file.parent.name, is_folder=True)


def _parse_camera_name(name: str, *, is_folder: bool = False) -> str:
    if lens := _LENS.fullmatch(name):
        return f"lens {lens[1]}"
    tokens = _split_name(name)
    if words := [_WORD[token.lower()] for token in tokens if token.lower() in _WORD]:
        return " ".join(words)
    if number := _find_camera_number(tokens):
        return f"camera {int(tokens[number])}"
    if is_folder and (found := re.search(r"(?:^|[_\- ])([A-D])$", name)):
        return found[1]
    place = _find_camera_letter(name)
    return _LETTER_NAMES.get(place[0].upper().strip("HL")[-1:], place[0].upper()) if place else ""


def _find_camera_number(tokens: Sequence[str]) -> int:
    """Return which of the tokens numbers a camera, as in cam1 and ch02; 0 where none does."""
    for place, (before, number) in enumerate(pairwise(tokens), start=1):
        if before.lower() in _CAMERA and re.fullmatch(r"0?\d", number):
            return place
    return 0


def _find_camera_letter(name: str) -> re.Match[str] | None:
    """Return the last letters of a name, where they are those of a camera."""
    runs = list(re.finditer(r"[^\W\d_]+", name))
    found = runs[-1] if runs else None
    if found is None or not _LETTERS.fullmatch(found[0]):
        return None
    if found[0] in "ABCDabcd":  # a.mp4, b.mp4 and trip1b.mp4 are parts
        is_sure = any(map(str.isdigit, name)) if found[0].isupper() else parse_time_in_name(name)
        return found if is_sure else None
    return found


def _split_name(name: str) -> list[str]:
    return _TOKENS.findall(_COMPOUND.sub(r"\1", name))


def _get_rank(channel: str) -> tuple[int, str]:
    order = ("front", "A", "", "camera 1", "lens 00")
    first = channel.split(" ", maxsplit=1)[0] if channel.startswith("front") else channel
    last = 9 if channel.startswith("rear") else 5
    return (order.index(first) if first in order else last, channel)


def _is_camera_set(groups: dict[str, list[Path]]) -> bool:
    return {"front", "rear"} <= groups.keys() or _has_pair(list(groups.values()))


def _has_pair(groups: Sequence[Sequence[Path]], *, first_only: bool = False) -> bool:
    """Whether files of two groups, one of them the first if `first_only`, are of one moment."""
    seen = [
        [(_strip_camera(file), parse_time_in_name(file.stem)) for file in files] for files in groups
    ]
    for number, one in enumerate(seen[:1] if first_only else seen):
        names, times = {rest for rest, _ in one}, sorted(time for _, time in one if time)
        for rest, time in (item for others in seen[number + 1 :] for item in others):
            if rest in names or (time and _is_near(time, times)):
                return True
    return False


def _is_near(time: datetime, times: Sequence[datetime]) -> bool:
    return any(abs((time - other).total_seconds()) <= _SAME_MOMENT_S for other in times)


def _strip_camera(file: Path) -> tuple[str, ...]:
    """Return the name without what tells the camera."""
    name = file.stem
    if _LENS.fullmatch(name):
        return tuple(name.upper().replace("_10_", "_00_").split("_"))
    tokens = _split_name(name)
    if number := _find_camera_number(tokens):
        tokens = tokens[: number - 1] + tokens[number + 1 :]
    elif not any(token.lower() in _WORD for token in tokens) and (
        place := _find_camera_letter(name)
    ):
        tokens = _split_name(name[: place.start()] + "_" + name[place.end() :])
    return tuple(token.lower() for token in tokens if token.lower() not in _WORD)
