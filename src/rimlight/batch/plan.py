"""From what the user names to a list of tasks, each with a place for its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Literal

from rimlight.batch import storage
from rimlight.errors import SourceOpenError
from rimlight.imaging.pictures import SUFFIXES as PICTURES

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi", ".mpg", ".mpeg", ".ts",
                    ".mts", ".flv", ".wmv", ".3gp", ".ogv"})  # fmt: skip
_WILD = "*?["
Kind = Literal["video", "picture", "folder"]


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: a video, a picture, or all pictures that lie directly in one folder.

    Attributes:
        source: the file or folder; a path, or an address such as "s3://bucket/talk.mp4".
        target: the file or folder to make, likewise.
        kind: what the source is.
    """

    source: str
    target: str
    kind: Kind

    def identity(self) -> str:
        """Return a hash of what the source's files are: names, sizes and times of change.

        Raises:
            OSError: the source is gone.
        """
        files = pictures_in(self.source) if self.kind == "folder" else [self.source]
        facts = [storage.facts(file) for file in files]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def make_plan(
    inputs: Sequence[str], out: str, *, suffix: str, still: str | None = None
) -> list[Task]:
    """Find all videos and pictures that `inputs` stand for, in folders below them too.

    Args:
        inputs: files, folders, globs and addresses; one that lies in two of them counts once.
        out: where results go; files in a folder keep their place below it.
        suffix: of the videos to make, such as ".mp4".
        still: of single pictures to make, None for that of the input.

    Raises:
        SourceOpenError: one of the inputs does not exist, or there is nothing to do.
        MissingDependencyError: an address needs a package that is not installed.
    """
    tasks: list[Task] = []
    seen: set[str] = set()
    taken: set[str] = set()
    for text in inputs:
        for source, place, kind in _found(text, out):
            one = source if storage.is_url(source) else str(Path(source).resolve())
            if one in seen:
                continue
            seen.add(one)
            ending = {"video": suffix, "picture": still}.get(kind)
            name = place if ending is None else _free(place, ending, taken)
            taken.add(name)
            tasks.append(Task(source, storage.below(out, name), kind))
    if not tasks:
        raise SourceOpenError(
            f"there are no videos or pictures in {', '.join(inputs)}", hint="name other folders"
        )
    return tasks


def pictures_in(folder: str) -> list[str]:
    """Return the pictures that lie directly in `folder`, sorted."""
    if storage.is_url(folder):
        files = storage.files_below(folder)
        return [f for f in files if _is(f, PICTURES) and storage.parent(f) == folder.rstrip("/")]
    return sorted(str(path) for path in Path(folder).iterdir() if _is(path, PICTURES))


def _free(place: str, suffix: str, taken: set[str]) -> str:
    """Return `place` with another suffix: talk.mov and talk.mkv must not both be talk.mp4."""
    wanted = str(PurePosixPath(place).with_suffix(suffix))
    return wanted if wanted not in taken else place + suffix


Found = tuple[str, str, Kind]


def _found(text: str, out: str) -> Iterator[Found]:
    """Yield (source, place below the output folder, kind)."""
    place = text if storage.is_url(text) else str(Path(text).expanduser())
    if storage.is_folder(place):
        yield from (_below_address if storage.is_url(place) else _below)(place, out)
    elif storage.exists(place):
        yield from _single(place)
    elif any(sign in text for sign in _WILD):
        for name in storage.matching(place):
            yield from _single(name)
    else:
        raise SourceOpenError(f"no such file or folder: {place}", hint="check its spelling")


def _single(place: str) -> Iterator[Found]:
    name = PurePosixPath(place).name
    if _is(place, PICTURES):
        yield place, name, "picture"
    elif not storage.is_folder(place):
        yield place, name, "video"


def _below(top: str, out: str) -> Iterator[Found]:
    own = None if storage.is_url(out) else Path(out).resolve()
    for root, folders, names in os.walk(top):
        here = Path(root)
        # What an earlier run made must not become its input.
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != own
        )
        place = here.relative_to(top)
        yield from _in_folder(str(here), place.as_posix(), sorted(names))


def _below_address(top: str, out: str) -> Iterator[Found]:
    top = top.rstrip("/")
    own = f"{out.rstrip('/')}/"
    files = (f for f in storage.files_below(top) if not f.startswith(own) and "/." not in f)
    for here, inside in groupby(sorted(files, key=storage.parent), key=storage.parent):
        names = sorted(file.rpartition("/")[2] for file in inside)
        yield from _in_folder(here, here[len(top) + 1 :] or ".", names)


def _in_folder(here: str, place: str, names: Sequence[str]) -> Iterator[Found]:
    """Yield what lies directly in a folder; its pictures are one piece of work."""
    for name in names:
        if _is(name, VIDEOS):
            yield storage.below(here, name), str(PurePosixPath(place, name)), "video"
    if any(_is(name, PICTURES) for name in names):
        yield here, place, "folder"


def _is(place: str | Path, suffixes: frozenset[str]) -> bool:
    path = PurePosixPath(place)
    return path.suffix.lower() in suffixes and not path.name.startswith(".")
