"""What a drive is made of: the files that a user names, and when they were recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rimlight.errors import ConfigError, SourceOpenError
from rimlight.folders import natural
from rimlight.imaging.pictures import SUFFIXES
from rimlight.road.places import Clip
from rimlight.sources import guess
from rimlight.sources.recorded import lay_out

_VIDEOS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".ts", ".mts", ".m4v", ".webm", ".3gp"})


def video_files(sources: Sequence[str]) -> tuple[Path, ...]:
    """Return the video files that `sources` name; none for a camera, an address or pictures.

    A folder stands for the videos in it, where there are no pictures.

    Raises:
        ConfigError: several sources were named, and one of them is no video file.
        SourceOpenError: a folder may not be read.
    """
    found = [_files(source) for source in sources]
    if len(sources) > 1 and not all(found):
        odd = sources[found.index(())]
        raise ConfigError(
            f"{odd!r} is no video file, so it cannot be joined with others",
            hint="name it alone, or video files only",
        )
    return tuple(dict.fromkeys(path for files in found for path in files))


def clips_of(files: Sequence[Path], recorded: str | None = None) -> tuple[Clip, ...]:
    """Return the clips of a drive in the order that they play.

    Args:
        files: what `video_files` found.
        recorded: when the first frame was taken, in ISO 8601, over what the files say.

    Raises:
        ConfigError: `recorded` is no time.
        SourceOpenError: not one of the files opens.
    """
    if not files:
        return ()
    parts, _ = lay_out(files)
    clips = tuple(Clip(part.path, float(part.start), part.recorded) for part in parts)
    if recorded is None:
        return clips
    first, begin = _moment(recorded), clips[0].start_s
    return tuple(
        replace(clip, recorded=first + timedelta(seconds=clip.start_s - begin)) for clip in clips
    )


def _files(source: str) -> tuple[Path, ...]:
    path = Path(os.path.expanduser(source))
    if os.path.isdir(path):
        inside = sorted(_listed(path), key=lambda file: natural(file.name))
        shown = [file for file in inside if not file.name.startswith(".")]
        if any(file.suffix.lower() in SUFFIXES for file in shown):
            return ()
        return tuple(file for file in shown if file.suffix.lower() in _VIDEOS)
    part = guess(source)
    return (path,) if part["kind"] == "video" and "://" not in source else ()


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as exc:
        raise SourceOpenError(
            f"cannot read {folder}: {exc.strerror}", hint="check its permissions"
        ) from exc


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:
        raise ConfigError(
            f"--recorded {text!r} is no time", hint="write 2026-05-01T10:15:00Z"
        ) from exc
