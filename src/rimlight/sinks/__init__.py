"""Where results go: `SINKS` names the kinds, `guess_sink` reads what follows --sink or -o."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Any

from rimlight.core.config import parse_spec
from rimlight.core.errors import ConfigError
from rimlight.core.registry import Entry, Registry, find_near, suggest
from rimlight.system.file_kinds import WRITABLE_IMAGE_SUFFIXES, is_image, is_video

SINKS = Registry(
    "sink",
    {
        "window": Entry("rimlight.sinks.window:WindowSink", summary="a window on the screen"),
        "video": Entry("rimlight.sinks.video.sink:VideoSink", summary="a video file, with sound"),
        "virtual-camera": Entry(
            "rimlight.sinks.virtual_camera:VirtualCameraSink",
            summary="a camera that Zoom, Meet or OBS can choose",
        ),
        "pipewire": Entry(
            "rimlight.sinks.pipewire:PipeWireSink",
            summary="a camera for programs that use PipeWire, without a kernel module",
        ),
        "images": Entry("rimlight.sinks.images:ImagesSink", summary="one picture file per frame"),
        "pipe": Entry("rimlight.sinks.pipe:PipeSink", summary="raw frames on standard output"),
        "null": Entry("rimlight.sinks.null:NullSink", summary="nowhere, for measuring"),
        "panel": Entry(
            "rimlight.sinks.panel:PanelSink",
            extra="panel",
            summary="a page in the browser with the picture and the controls",
        ),
        "http": Entry(
            "rimlight.sinks.http:HttpSink", extra="panel", summary="a preview in the browser"
        ),
    },
)

WRITABLE_VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")
ANIMATION_SUFFIXES = (".webp", ".avif")
"""Suffixes of images that hold a video, where the source is one."""


def guess_sink(spec: str, *, into_folder: bool = False, moves: bool = False) -> dict[str, Any]:
    """Read a short spec such as "window", "video:rec.mp4", "out.mp4", "cutouts/" or "-".

    Args:
        spec: what the user wrote.
        into_folder: a name without an ending is a folder, as several pictures need one.
        moves: the source is a video, so that one image file of a kind that can is an animation.

    Returns:
        The kind and, where the spec holds one, the value of that kind's main option:
        {"kind": "video", "path": "rec.mp4"}.

    Raises:
        ConfigError: nothing is known by that name, or the kind takes no value.
        MissingDependencyError: the kind needs a package that is not installed.
    """
    kind, value = parse_spec(spec, SINKS.names())
    if kind:
        return (
            {"kind": kind} if value is None else {"kind": kind, _get_positional_option(kind): value}
        )
    if spec == "-":
        return {"kind": "pipe"}
    if spec.startswith("/dev/video"):
        return {"kind": "virtual-camera", "device": spec}
    if re.match(r"[A-Za-z]:[\\/]", spec) and os.name != "nt":
        raise ConfigError(
            f"{spec} is a path of Windows, and this is not Windows",
            hint="in WSL, the drive C: lies at /mnt/c",
        )
    suffix = Path(spec).suffix.lower()
    if suffix in WRITABLE_VIDEO_SUFFIXES or (moves and suffix in ANIMATION_SUFFIXES):
        return {"kind": "video", "path": spec}
    if suffix in WRITABLE_IMAGE_SUFFIXES or spec.endswith("/") or os.path.isdir(spec):
        return {"kind": "images", "path": spec}
    if into_folder and re.fullmatch(r"[^:.]+", PurePath(spec).name):
        return {"kind": "images", "path": f"{spec}/"}
    if is_image(spec) or is_video(spec):
        videos, pictures = " ".join(WRITABLE_VIDEO_SUFFIXES), " ".join(WRITABLE_IMAGE_SUFFIXES)
        raise ConfigError(
            f"{suffix} files are not written: {spec}",
            hint=f"a video ({videos}; with alpha .webm .mov), a picture ({pictures}), or a folder "
            f"with a / at its end for a picture of each frame: {Path(spec).with_suffix('')}/",
        )
    raise ConfigError(f"unknown sink {spec!r}", hint=_suggest_spec(spec))


def _get_positional_option(kind: str) -> str:
    name: str | None = SINKS.load(kind).Options.positional
    if name is None:
        raise ConfigError(f"sink {kind!r} takes no value", hint=f"write just {kind!r}")
    return name


def _suggest_spec(spec: str) -> str:
    if re.fullmatch(r"[^:.]+", PurePath(spec).name) and not find_near(spec, SINKS.names()):
        return f"write {spec}.mp4 for a video, {spec}.png for a picture, {spec}/ for a folder"
    word = spec.partition(":")[0]
    files = "or a file such as out.mp4, or a folder with a / at its end"
    return f"{suggest(word, SINKS.names())}; {files}"
