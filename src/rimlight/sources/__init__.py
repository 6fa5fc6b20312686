"""Where frames come from: cameras, videos, pictures, a test pattern, raw bytes."""

from __future__ import annotations

import os
import stat
from typing import Any

from rimlight.core.config import parse_spec
from rimlight.core.options import is_number
from rimlight.core.registry import Entry, Registry
from rimlight.media.paths import strip_file_scheme
from rimlight.system.file_kinds import detect_image_format, detect_kind, is_animated, read_header

SOURCES = Registry(
    "source",
    {
        "animation": Entry(
            "rimlight.sources.animation:AnimationSource", summary="GIF, APNG and animated WebP"
        ),
        "camera": Entry("rimlight.sources.camera:CameraSource", summary="a webcam"),
        "concat": Entry(
            "rimlight.sources.concat:ConcatSource", summary="video files joined in time"
        ),
        "images": Entry("rimlight.sources.images:ImagesSource", summary="pictures, folders, globs"),
        "test-pattern": Entry(
            "rimlight.sources.test_pattern:PatternSource", summary="a moving test figure"
        ),
        "pipe": Entry("rimlight.sources.pipe:PipeSource", summary="raw frames on standard input"),
        "video": Entry("rimlight.sources.video:VideoSource", summary="video files, RTSP and HTTP"),
        "watch-folder": Entry(
            "rimlight.sources.watch_folder:WatchFolderSource", summary="pictures as they come"
        ),
    },
)

# The option that "kind:value" sets, here so that guessing needs no heavy import. A test compares
# it with each source's own `Options.positional`.
MAIN = {
    "animation": "path",
    "camera": "device",
    "concat": "paths",
    "images": "path",
    "test-pattern": "size",
    "pipe": "size",
    "video": "path",
    "watch-folder": "path",
}

_STREAMS = ("/dev/stdin", "/dev/fd/")
"""How shells name what is piped in, as `<(...)`."""


def guess(spec: str, *, still: bool = False) -> dict[str, Any]:
    """Return the source that a user means by `spec`, as {"kind": ..., option: ...}.

    "kind:value" and the bare name of a kind are taken at their word, unless there is a file of
    that whole name. Else "0" and "/dev/video0" are cameras, "-" is standard input, an address with
    "://" is a stream, a folder, a glob, a picture or "@list.txt" is `images`, and every other path
    is a video, whose opening says what is wrong with it. A `file://` address is its path. What a
    file is, its content says, and its name where that does not tell.

    Args:
        spec: what the user wrote.
        still: of an animation the first frame is wanted, as the result is one picture.
    """
    spec = strip_file_scheme(spec)
    kind, value = parse_spec(spec, SOURCES.names())
    if not kind or (value is not None and os.path.isfile(spec)):
        kind, value = _kind(spec), spec
        if kind == "images" and not still and _moves(os.path.expanduser(spec)):
            kind = "animation"
    if value is None or (kind, value) == ("pipe", "-"):
        return {"kind": kind}
    is_index = kind == "camera" and is_number(value)
    return {"kind": kind, MAIN[kind]: int(value) if is_index else value}


def _kind(spec: str) -> str:
    if spec == "-":
        return "pipe"
    path = os.path.expanduser(spec)
    if is_number(spec) or (spec.startswith("/dev/") and not _is_readable(path)):
        return "camera"
    if "://" in spec:
        return "video"
    is_glob = not os.path.exists(path) and any(sign in spec for sign in "*?[")
    is_list = spec.startswith("@") and (os.path.exists(spec[1:]) or not os.path.exists(spec))
    is_picture = is_list or detect_kind(path) == "picture"
    return "images" if is_glob or is_picture or os.path.isdir(path) else "video"


def _moves(path: str) -> bool:
    """Return True for an animation; a GIF announces nothing, so its frames are counted."""
    head = read_header(path)
    if not is_animated(head) or detect_image_format(head) != "gif":
        return is_animated(head)
    from rimlight.imaging.image_files.headers import count_frames

    return count_frames(path) > 1


def _is_readable(path: str) -> bool:
    """Return True for what lies in /dev and is no device: a file, a folder or a pipe."""
    if path.startswith(_STREAMS):
        return True
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return False
    return kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO)
