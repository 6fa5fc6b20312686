"""What a file holds besides its streams: title, date and other tags, and chapters."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from rimlight.core.frame import SourceInfo
from rimlight.core.wording import join_names
from rimlight.media.container import reopen_file
from rimlight.sinks.video.codecs import EncodingPlan
from rimlight.system.av import av

log = logging.getLogger(__name__)

_FILE_TAGS = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "duration"),
    "timecode",  # that of the first frame; muxers make a track of it, and may fail at the end
)
_LOCATION_WORDS = ("location", "gps", "xyz", "latitude", "longitude")

_PLACEHOLDER = "pixel shape".ljust(48, ".")
_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_VIDEO, _NAME, _VOID, _CRC = 0xE0, 0x536E, 0xEC, 0xBF
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xB0, 0xBA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2


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
            "%s says where it was taken (%s), and so will the result; private=true leaves that out",
            path.name,
            join_names(places),
        )


def _read_tags(source: av.container.InputContainer) -> dict[str, str]:
    return {key: value for key, value in source.metadata.items() if key.lower() not in _FILE_TAGS}


@dataclass(frozen=True)
class _Element:
    identity: int
    start: int
    body: int
    end: int


def reserve_pixel_aspect(stream: av.VideoStream, plan: EncodingPlan, info: SourceInfo) -> None:
    """Let the file's header have room for the shape of pixels, where it is needed."""
    if _is_needed(plan, info):
        stream.metadata["title"] = _PLACEHOLDER


def write_pixel_aspect(path: Path, plan: EncodingPlan, info: SourceInfo) -> None:
    """Say in the closed file `path` how wide a pixel is, in the room that was left.

    Raises:
        OSError: the file cannot be changed.
        ValueError: it has no such room.
    """
    if not _is_needed(plan, info):
        return
    with path.open("r+b") as file:
        tracks = _find_tracks(file)
        file.seek(tracks.body)
        data = file.read(tracks.end - tracks.body)
        file.seek(tracks.body)
        file.write(_insert_aspect(data, info.sample_aspect))


def _is_needed(plan: EncodingPlan, info: SourceInfo) -> bool:
    return plan.format in ("matroska", "webm") and info.sample_aspect != 1


def _find_tracks(file: BinaryIO) -> _Element:
    head = file.read(1 << 20)
    for element in _parse_elements(head):
        if element.identity == _SEGMENT:
            inside = _parse_elements(head, element.body)
            return next(one for one in inside if one.identity == _TRACKS)
    raise ValueError("no Matroska segment")


def _insert_aspect(tracks: bytes, aspect: Fraction) -> bytes:
    """Return the bytes of a Tracks element, as long as before, with the shape in them."""
    made = b""
    for element in _parse_elements(tracks):
        stored = tracks[element.start : element.end]
        body = tracks[element.body : element.end]
        if element.identity == _TRACK and _PLACEHOLDER.encode() in body:
            stored = _encode_element(_TRACK, _rewrite_track(body, aspect), length=len(stored))
        made += stored if element.identity != _CRC else b""
    if len(made) == len(tracks):
        return made
    return _encode_element(_CRC, zlib.crc32(made).to_bytes(4, "little")) + made


def _rewrite_track(track: bytes, aspect: Fraction) -> bytes:
    """Return the children of a track entry with the shape of pixels in the place of the room."""
    made = b""
    for element in _parse_elements(track):
        stored = track[element.start : element.end]
        if element.identity == _VIDEO:
            body = track[element.body : element.end]
            told = b"".join(  # libav writes that the unit is unknown; pixels need no unit
                body[one.start : one.end]
                for one in _parse_elements(body)
                if one.identity != _DISPLAY_UNIT
            )
            stored = _encode_element(_VIDEO, told + _encode_display_size(body, aspect))
        made += stored if element.identity != _NAME else b""
    free = len(track) - len(made)
    if free < 2:
        raise ValueError(f"no room for the shape of pixels: {free} bytes")
    return made + _encode_element(_VOID, bytes(free - 2), length=free)


def _encode_display_size(video: bytes, aspect: Fraction) -> bytes:
    size = {
        e.identity: int.from_bytes(video[e.body : e.end], "big") for e in _parse_elements(video)
    }
    width = round(size[_PIXEL_WIDTH] * aspect)
    wide = _encode_element(_DISPLAY_WIDTH, width.to_bytes(4, "big"))
    return wide + _encode_element(_DISPLAY_HEIGHT, size[_PIXEL_HEIGHT].to_bytes(4, "big"))


def _encode_element(identity: int, body: bytes, *, length: int | None = None) -> bytes:
    """Return an element; with `length`, its size takes the bytes that make it so long."""
    name = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    width = (len(body).bit_length() + 7) // 7 if length is None else length - len(name) - len(body)
    return name + (len(body) | 1 << 7 * width).to_bytes(width, "big") + body


def _parse_elements(data: bytes, at: int = 0) -> Iterator[_Element]:
    """Yield the elements that lie one after the other from `at` on."""
    while at + 2 <= len(data):
        start = at
        identity, at = _read_number(data, at, keep_marker=True)
        size, at = _read_number(data, at, keep_marker=False)
        yield _Element(identity, start, at, at + size)
        at += size


def _read_number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), at + width
