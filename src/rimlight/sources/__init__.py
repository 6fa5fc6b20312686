"""Sources of frames: cameras, videos, images, a test pattern, raw bytes."""

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
        "images": Entry("rimlight.sources.images:ImagesSource", summary="images, folders, globs"),
        "test-pattern": Entry(
            "rimlight.sources.test_pattern:PatternSource", summary="a moving figure, drawn"
        ),
        "pipe": Entry("rimlight.sources.pipe:PipeSource", summary="raw frames on standard input"),
        "screen": Entry(
            "rimlight.sources.screen:ScreenSource",
            extra="screen",
            summary="a screen, or a part of it",
        ),
        "video": Entry("rimlight.sources.video:VideoSource", summary="video files, RTSP and HTTP"),
        "watch-folder": Entry(
            "rimlight.sources.watch_folder:WatchFolderSource",
            summary="images as they arrive in a folder",
        ),
    },
)

# The option that "kind:value" sets. It is repeated here so that guessing imports no source; a test
# compares it with the `Options.positional` of each source.
POSITIONAL = {
    "animation": "path",
    "camera": "device",
    "concat": "paths",
    "images": "path",
    "test-pattern": "size",
    "pipe": "size",
    "screen": "area",
    "video": "path",
    "watch-folder": "path",
}

_STREAMS = ("/dev/stdin", "/dev/fd/")
"""Paths of piped input, such as those of `<(...)`."""


def guess_source(spec: str, *, still: bool = False) -> dict[str, Any]:
    """Return the source that `spec` names, as {"kind": ..., option: ...}.

    "kind:value" and the name of a kind are used as they are, unless a file has that exact name.
    Otherwise "0" and "/dev/video0" are cameras, "-" is standard input, an address with "://" is a
    stream, and a folder, a glob, an image or "@list.txt" is `images`. Every other path is a video,
    which reports its own errors when it opens. A `file://` address is its path. The content of a
    file decides what it is, then its name.

    Args:
        spec: what the user wrote.
        still: use only the first frame of an animation, because the result is one image.
    """
    spec = strip_file_scheme(spec)
    kind, value = parse_spec(spec, SOURCES.names())
    if not kind or (value is not None and os.path.isfile(spec)):
        kind, value = _guess_kind(spec), spec
        if kind == "images" and not still and _is_moving(os.path.expanduser(spec)):
            kind = "animation"
    if value is None or (kind, value) == ("pipe", "-"):
        return {"kind": kind}
    is_index = kind == "camera" and is_number(value)
    return {"kind": kind, POSITIONAL[kind]: int(value) if is_index else value}


def _guess_kind(spec: str) -> str:
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


def _is_moving(path: str) -> bool:
    """Return True for an animation; the frames of a GIF are counted, its header tells nothing."""
    head = read_header(path)
    if not is_animated(head) or detect_image_format(head) != "gif":
        return is_animated(head)
    from rimlight.imaging.image_files.headers import count_frames

    return count_frames(path) > 1


def _is_readable(path: str) -> bool:
    """Return True for a path in /dev that is a file, a folder or a pipe, not a device."""
    if path.startswith(_STREAMS):
        return True
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return False
    return kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO)
