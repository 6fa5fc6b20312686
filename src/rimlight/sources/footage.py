"""The video files that make up a drive, as cameras leave them on their cards."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from rimlight.core.errors import SourceOpenError
from rimlight.core.wording import counted, shortened
from rimlight.sources.channels import by_channel
from rimlight.sources.listing import find
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


@dataclass(frozen=True)
class Footage:
    """Video files of one drive, and what was left out of it, in words."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def look_into(text: str) -> tuple[Path, ...]:
    """Return every visible file that a folder with its sub-folders, a glob or a @list names.

    Args:
        text: a folder, a glob, "@FILE", or a path, which stands for itself.

    Raises:
        SourceOpenError: a folder or a list may not be read, or nothing matches a glob.
    """
    if text.startswith("@"):
        return tuple(find(text, recursive=False).paths)
    path = Path(os.path.expanduser(text))
    try:
        if os.path.isdir(path):
            return _by_name(list_folder(path, recursive=True).files)
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
        raise SourceOpenError(f"nothing matches {text}", hint=_near(path))
    return _by_name(files)


def one_drive(files: Iterable[Path]) -> Footage:
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
            notes.append(f"left out {counted(len(out), what)}: {_names(out)}")
    (name, main), *others = by_channel(kept).items()
    for other, out in others:
        notes.append(
            f"left out {counted(len(out), 'file')} of another camera ({other or 'main'}; kept: "
            f"{name or 'main'}); give them alone to process it: {_names(out)}"
        )
    return Footage(tuple(main), tuple(notes))


def _by_name(files: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(files, key=lambda file: (natural_sort_key(file.name), str(file))))


def _near(pattern: Path) -> str:
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


def _names(files: Sequence[Path]) -> str:
    return shortened([file.name for file in files])
