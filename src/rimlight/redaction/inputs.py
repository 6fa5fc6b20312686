"""What a redaction reads and writes: photos together, each film by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rimlight.core.errors import ConfigError
from rimlight.sources import guess_source
from rimlight.system.file_kinds import detect_kind

FILM_SUFFIX = ".mp4"
"""Container of a film whose own cannot be written."""
_WRITABLE = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True, slots=True)
class RedactionJob:
    """One run of a redaction.

    Attributes:
        source: a film, an image or a folder of images.
        output: where the result goes.
        is_film: frames follow each other, so that objects are tracked.
    """

    source: str
    output: str
    is_film: bool


def plan_jobs(source: str, output: str) -> list[RedactionJob]:
    """Return the runs that redact `source`: one, or for a folder one for each film in it.

    Raises:
        ConfigError: the source is not a file or folder; a film is searched before it is covered.
    """
    kind = guess_source(source)["kind"]
    if kind in {"camera", "pipe", "test-pattern", "watch-folder"} or "://" in source:
        raise ConfigError(
            f"{source} is not a file or a folder, and a film is searched before it is covered",
            hint="record it first, or use `rimlight live` with the effect redact",
        )
    folder = Path(os.path.expanduser(source))
    if not folder.is_dir():
        return [RedactionJob(source, output, is_film=kind != "images")]
    return list(_plan_folder(folder, source, output))


def list_searched(source: str) -> list[str]:
    """Return what a check reads: a file, or the photos and each film of a folder."""
    folder = Path(os.path.expanduser(source))
    if not folder.is_dir():
        return [source]
    return [job.source for job in _plan_folder(folder, source, output="")]


def _plan_folder(folder: Path, source: str, output: str) -> Iterator[RedactionJob]:
    kinds = {path: detect_kind(str(path)) for path in sorted(folder.iterdir()) if path.is_file()}
    if "picture" in kinds.values() or "video" not in kinds.values():
        yield RedactionJob(source, output, is_film=False)
    taken: set[str] = set()
    for film in (path for path, kind in kinds.items() if kind == "video"):
        name = film.name if film.suffix.lower() in _WRITABLE else film.stem + FILM_SUFFIX
        name = name if name not in taken else film.name + FILM_SUFFIX
        taken.add(name)
        yield RedactionJob(str(film), str(Path(output) / name), is_film=True)
