"""The video files of a drive, and their order in time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.road.timeline import Clip
from rimlight.sources import guess_source
from rimlight.sources.concat import compute_gap_s, order_clips
from rimlight.sources.dashcam_files import Footage, list_inputs, select_drive
from rimlight.sources.recording_time import parse_utc
from rimlight.system.file_kinds import VIDEO_SUFFIXES, is_image, is_video

_YEARS = (1900, 2200)
"""Years that stay within the calendar after adding a clock offset."""


def find_videos(sources: Sequence[str]) -> Footage:
    """Return the video files that `sources` name; none for a camera, a URL or images.

    A folder stands for the videos in it and its subfolders, a glob for those that match. Files that
    do not belong to one drive, such as photos and those of a rear camera, are excluded.

    Raises:
        ConfigError: there are several sources, and one of them is not a file.
        SourceOpenError: a folder cannot be read, or contains no videos or images.
    """
    found = [_list_files(source) for source in sources]
    named = [file for files in found for file in files]
    if any(is_video(file.name) for file in named):
        if odd := [source for source, files in zip(sources, found, strict=True) if not files]:
            raise ConfigError(
                f"{odd[0]!r} is not a video file, so it cannot be joined with others",
                hint="give it alone, or give video files only",
            )
        return select_drive(named)
    if len(sources) == 1:
        return Footage(_find_unnamed_video(sources[0]))
    unnamed = tuple(file for source in sources for file in _find_unnamed_video(source))
    if len(unnamed) == len(sources):
        return select_drive(unnamed)
    raise ConfigError(
        f"none of the {len(sources)} inputs is a video file, so they cannot be joined",
        hint=f"give video files, or a folder ({_list_suffixes()})",
    )


def make_clips(files: Sequence[Path], recorded: str | None = None) -> tuple[Clip, ...]:
    """Return the clips of a drive in playback order.

    Args:
        files: from `find_videos`.
        recorded: the time of the first frame in ISO 8601; overrides the files' own.

    Raises:
        ConfigError: `recorded` is not a valid time.
        SourceOpenError: none of the files opens.
    """
    if not files:
        return ()
    parts = order_clips(files).clips
    gaps = [None, *(compute_gap_s(before, after) for before, after in pairwise(parts))]
    clips = tuple(
        Clip(part.path, float(part.start), part.recorded, gap, part.codec, part.pix_fmt)
        for part, gap in zip(parts, gaps, strict=True)
    )
    if recorded is None:
        return clips
    first, begin = _parse_time(recorded), clips[0].start_s
    return tuple(
        replace(clip, recorded=first + timedelta(seconds=clip.start_s - begin), gap_s=None)
        for clip in clips
    )


def _list_files(source: str) -> tuple[Path, ...]:
    """Return the files that a source stands for; none for a camera or a URL."""
    part = guess_source(source)
    value = str(part.get("path", part.get("paths", "")))
    if part["kind"] not in ("video", "images", "concat") or not value or "://" in value:
        return ()
    files = list_inputs(value)
    if part["kind"] == "images" and not any(is_video(file.name) for file in files):
        _check_images(value, files)
    return files


def _check_images(source: str, files: Sequence[Path]) -> None:
    """Check that a source without videos contains images.

    Raises:
        SourceOpenError: it contains none.
    """
    folder = Path(os.path.expanduser(source))
    images = [file for file in files if is_image(file.name)]
    if not os.path.isdir(folder):
        if len(files) > 1 and not images:
            raise SourceOpenError(
                f"none of {len(files)} files that {source} matches is a video or an image",
                hint=f"looked for {_list_suffixes()}",
            )
    elif not any(file.parent == folder for file in images):
        deeper = f"; there are images in {images[0].parent}: give that folder" if images else ""
        raise SourceOpenError(
            f"there are no videos in {folder} and its subfolders, and no images in it",
            hint=f"looked for {_list_suffixes()}{deeper}",
        )


def _find_unnamed_video(source: str) -> tuple[Path, ...]:
    """Return a file that may be a video despite its suffix; opening it decides."""
    part = guess_source(source)
    is_file = part["kind"] == "video" and "://" not in str(part.get("path", "://"))
    return list_inputs(str(part["path"])) if is_file else ()


def _list_suffixes() -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES))


def _parse_time(text: str) -> datetime:
    moment = parse_utc(text)
    if moment is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise ConfigError(
            f"--start-time {text!r} is not a valid time",
            hint="write 2026-05-01T10:15:00Z; without a time zone it is UTC",
        )
    return moment
