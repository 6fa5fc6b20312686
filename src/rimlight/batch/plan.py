"""From what the user names to a list of tasks, each with a place for its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Literal

from rimlight.errors import SourceOpenError
from rimlight.imaging.pictures import SUFFIXES as PICTURES

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi", ".mpg", ".mpeg", ".ts",
                    ".mts", ".flv", ".wmv", ".3gp", ".ogv"})  # fmt: skip
_WILD = "*?["


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: a video, a picture, or all pictures that lie directly in one folder.

    Attributes:
        source: the file or folder.
        target: the file or folder to make.
        kind: what the source is.
    """

    source: Path
    target: Path
    kind: Literal["video", "picture", "folder"]

    def identity(self) -> str:
        """Return a hash of what the source's files are: names, sizes and times of change.

        Raises:
            OSError: the source is gone.
        """
        files = [self.source]
        if self.kind == "folder":
            files = sorted(p for p in self.source.iterdir() if _is(p, PICTURES))
        facts = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def make_plan(inputs: Sequence[str], out: Path, *, suffix: str) -> list[Task]:
    """Find all videos and pictures that `inputs` stand for, in folders below them too.

    Args:
        inputs: files, folders and globs; one that lies in two of them counts once.
        out: where results go; files in a folder keep their place below it.
        suffix: of the videos to make, such as ".mp4".

    Raises:
        SourceOpenError: one of the inputs does not exist, or there is nothing to do.
    """
    tasks: list[Task] = []
    seen: set[Path] = set()
    taken: set[Path] = set()
    for text in inputs:
        for source, place, kind in _found(text, out):
            if source.resolve() in seen:
                continue
            seen.add(source.resolve())
            target = out / place
            if kind == "video":
                target = _free(target, suffix, taken)
            taken.add(target)
            tasks.append(Task(source, target, kind))
    if not tasks:
        raise SourceOpenError(
            f"there are no videos or pictures in {', '.join(inputs)}", hint="name other folders"
        )
    return tasks


def _free(target: Path, suffix: str, taken: set[Path]) -> Path:
    """Return `target` with another suffix: talk.mov and talk.mkv must not both be talk.mp4."""
    wanted = target.with_suffix(suffix)
    return wanted if wanted not in taken else target.with_name(target.name + suffix)


Found = tuple[Path, Path, Literal["video", "picture", "folder"]]


def _found(text: str, out: Path) -> Iterator[Found]:
    """Yield (source, place below the output folder, kind)."""
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _below(path, out)
    elif path.exists():
        yield from _single(path)
    elif any(sign in text for sign in _WILD):
        for name in sorted(glob(str(path), recursive=True)):
            yield from _single(Path(name))
    else:
        raise SourceOpenError(f"no such file or folder: {path}", hint="check its spelling")


def _single(path: Path) -> Iterator[Found]:
    if _is(path, PICTURES):
        yield path, Path(path.name), "picture"
    elif path.is_file():
        yield path, Path(path.name), "video"


def _below(top: Path, out: Path) -> Iterator[Found]:
    for root, folders, names in os.walk(top):
        here = Path(root)
        # What an earlier run made must not become its input.
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and (here / name).resolve() != out.resolve()
        )  # fmt: skip
        files = [here / name for name in sorted(names)]
        place = here.relative_to(top)
        for path in files:
            if _is(path, VIDEOS):
                yield path, place / path.name, "video"
        if any(_is(path, PICTURES) for path in files):
            yield here, place, "folder"


def _is(path: Path, suffixes: frozenset[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")
