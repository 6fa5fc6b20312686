"""What a file holds besides its streams: title, date and other tags, and chapters."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

from rimlight.libav import av

log = logging.getLogger(__name__)

_OF_THE_FILE_ITSELF = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")


def copy_extras(path: Path, output: av.container.OutputContainer, origin: Fraction) -> None:
    """Copy tags and chapters of the file `path`, before the output's first packet.

    Args:
        path: the input.
        output: what is being written.
        origin: the moment of the input at which the output begins; chapters before it are left out.
    """
    try:
        with av.open(str(path.resolve())) as source:
            tags = dict(source.metadata)
            chapters = source.chapters()
    except av.error.FFmpegError as exc:
        log.warning("the tags and chapters of %s cannot be read: %s", path, exc.strerror)
        return
    for key, value in tags.items():
        if key.lower() not in _OF_THE_FILE_ITSELF:
            output.metadata[key] = value
    for chapter in chapters:
        shift = round(origin / (chapter["time_base"] or 1))
        chapter["start"] = max(0, chapter["start"] - shift) if shift else chapter["start"]
        chapter["end"] -= shift
    kept = [chapter for chapter in chapters if chapter["end"] > chapter["start"]]
    if kept:
        output.set_chapters(kept)
