"""What a drive is made of: the files that a user names, and when they were recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.road.places import Clip
from rimlight.sources import guess
from rimlight.sources.concat import gap_s, lay_out
from rimlight.sources.dashcam_files import Footage, look_into, one_drive
from rimlight.sources.recording_time import read_utc
from rimlight.system.file_kinds import VIDEO_SUFFIXES, is_image, is_video

_YEARS = (1900, 2200)
"""A clock outside of these, moved by an offset, may leave the calendar."""


def video_files(sources: Sequence[str]) -> Footage:
    """Return the video files that `sources` name; none for a camera, an address or pictures.

    A folder stands for the videos in it and in its sub-folders, a glob for those that match. What
    is no part of one drive, such as photos and the files of a rear camera, is left out.

    Raises:
        ConfigError: several sources were named, and one of them is no file.
        SourceOpenError: a folder may not be read, or holds nothing to look at.
    """
    found = [_files(source) for source in sources]
    named = [file for files in found for file in files]
    if any(is_video(file.name) for file in named):
        if odd := [source for source, files in zip(sources, found, strict=True) if not files]:
            raise ConfigError(
                f"{odd[0]!r} is no video file, so it cannot be joined with others",
                hint="name it alone, or video files only",
            )
        return one_drive(named)
    if len(sources) == 1:
        return Footage(_odd_video(sources[0]))
    odd_ones = tuple(file for source in sources for file in _odd_video(source))
    if len(odd_ones) == len(sources):
        return one_drive(odd_ones)
    raise ConfigError(
        f"none of the {len(sources)} inputs is a video file, so they cannot be joined",
        hint=f"name video files, or a folder ({_kinds()})",
    )


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
    parts = lay_out(files).parts
    gaps = [None, *(gap_s(before, after) for before, after in pairwise(parts))]
    clips = tuple(
        Clip(part.path, float(part.start), part.recorded, gap, part.codec, part.pix_fmt)
        for part, gap in zip(parts, gaps, strict=True)
    )
    if recorded is None:
        return clips
    first, begin = _moment(recorded), clips[0].start_s
    return tuple(
        replace(clip, recorded=first + timedelta(seconds=clip.start_s - begin), gap_s=None)
        for clip in clips
    )


def _files(source: str) -> tuple[Path, ...]:
    """Return the files that a source stands for; none for what is no file, as a camera."""
    part = guess(source)
    value = str(part.get("path", part.get("paths", "")))
    if part["kind"] not in ("video", "images", "drive") or not value or "://" in value:
        return ()
    files = look_into(value)
    if part["kind"] == "images" and not any(is_video(file.name) for file in files):
        _check_pictures(value, files)
    return files


def _check_pictures(source: str, files: Sequence[Path]) -> None:
    """Check that what holds no videos has pictures that a run of pictures would find.

    Raises:
        SourceOpenError: it has none.
    """
    folder = Path(os.path.expanduser(source))
    pictures = [file for file in files if is_image(file.name)]
    if not os.path.isdir(folder):
        if len(files) > 1 and not pictures:
            raise SourceOpenError(
                f"none of {len(files)} files that {source} names is a video or a picture",
                hint=f"looked for {_kinds()}",
            )
    elif not any(file.parent == folder for file in pictures):
        deeper = f"; there are pictures in {pictures[0].parent}: name that" if pictures else ""
        raise SourceOpenError(
            f"there are no videos in {folder} and its sub-folders, nor pictures in it",
            hint=f"looked for {_kinds()}{deeper}",
        )


def _odd_video(source: str) -> tuple[Path, ...]:
    """Return a file whose name does not say that it is a video; its opening says what it is."""
    part = guess(source)
    is_file = part["kind"] == "video" and "://" not in str(part.get("path", "://"))
    return look_into(str(part["path"])) if is_file else ()


def _kinds() -> str:
    return ", ".join(sorted(suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES))


def _moment(text: str) -> datetime:
    moment = read_utc(text)
    if moment is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise ConfigError(
            f"--recorded {text!r} is no time",
            hint="write 2026-05-01T10:15:00Z; without a zone it counts as UTC",
        )
    return moment
