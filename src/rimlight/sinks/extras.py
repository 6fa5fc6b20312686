"""What a file holds besides its streams: title, date and other tags, and chapters."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

from rimlight.core.wording import join_names
from rimlight.media.container import reopen_file
from rimlight.system.av import av

log = logging.getLogger(__name__)

_FILE_TAGS = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "duration"),
    "timecode",  # that of the first frame; muxers make a track of it, and may fail at the end
)
_LOCATION_WORDS = ("location", "gps", "xyz", "latitude", "longitude")


def copy_metadata(path: Path, output: av.container.OutputContainer, origin: Fraction) -> None:
    """Copy tags and chapters of the file `path`, before the output's first packet.

    Args:
        path: the input.
        output: what is being written.
        origin: the moment of the input at which the output begins; chapters before it are left out.
    """
    try:
        with reopen_file(path) as source:
            tags = _read_tags(source)
            chapters = source.chapters()
    except av.error.FFmpegError as exc:
        log.warning("the tags and chapters of %s cannot be read: %s", path, exc.strerror)
        return
    output.metadata.update(tags)
    for chapter in chapters:
        shift = round(origin / (chapter["time_base"] or 1))
        chapter["start"] = max(0, chapter["start"] - shift) if shift else chapter["start"]
        chapter["end"] -= shift
    kept = [chapter for chapter in chapters if chapter["end"] > chapter["start"]]
    if kept:
        output.set_chapters(kept)


def log_tags(path: Path, *, private: bool) -> None:
    """Log what becomes of tags that say where, when or with what the film was taken.

    Args:
        path: the input.
        private: they are left out.
    """
    try:
        with reopen_file(path) as source:
            keys = sorted(_read_tags(source))
    except av.error.FFmpegError:
        return
    places = [key for key in keys if any(word in key.lower() for word in _LOCATION_WORDS)]
    if private and keys:
        log.warning("%s: its tags are left out: %s", path.name, join_names(keys))
    elif places and not private:
        log.warning(
            "%s says where it was taken (%s), and so will the result; --private leaves that out",
            path.name,
            join_names(places),
        )


def _read_tags(source: av.container.InputContainer) -> dict[str, str]:
    return {key: value for key, value in source.metadata.items() if key.lower() not in _FILE_TAGS}
