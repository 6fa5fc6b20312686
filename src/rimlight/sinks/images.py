"""One picture file per frame, in a folder or under one name."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

import cv2
from pydantic import Field

from rimlight import options
from rimlight.errors import ConfigError, SinkError
from rimlight.file_kinds import result_suffix
from rimlight.frame import Frame, SourceInfo
from rimlight.imaging.colour import Image
from rimlight.imaging.tags import encode
from rimlight.sinks import PICTURE_SUFFIXES
from rimlight.sinks.paths import check_can_be_folder, check_folder, check_not_source, is_same
from rimlight.writing import unfinished

_ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff")
_MOST_WRITERS = 4
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_QUALITY = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
}


class ImagesSink:
    """Writes each frame as a picture, complete or not at all.

    In a folder, pictures keep the names and subfolders of the source's; frames of a video are
    called frame_000000 and so on. A path that ends in .png, .jpg and the like is one picture.
    Pictures that are written stay, even when the run is aborted later.

    Raises:
        SinkError: the place cannot be written to, or is the input itself.
    """

    class Options(options.Options):
        """Options of picture files."""

        main: ClassVar[str | None] = "path"

        path: Annotated[
            options.FilePath, Field(description="a folder, or one file for one picture")
        ]
        format: Annotated[
            Literal["auto", "png", "webp", "jpg"],
            Field(description="auto: as the source's pictures, png where there is alpha"),
        ] = "auto"
        quality: Annotated[int, Field(ge=1, le=100, description="of jpg and webp")] = 92

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._path = options.path
        self._info = info
        self._quality = options.quality
        self._single = options.path.suffix.lower() in PICTURE_SUFFIXES
        self._format = _suffix_of(options)
        self._written: dict[Path, str] = {}
        self._naming = threading.Lock()
        if self._single:
            check_folder(options.path, overwrite=True)
            check_not_source(options.path, info)
        else:
            check_can_be_folder(options.path)

    @property
    def writers(self) -> int:
        """Encoding takes the most time of all, and pictures do not depend on each other."""
        return 1 if self._single else max(1, min(_MOST_WRITERS, os.cpu_count() or 1))

    def write(self, frame: Frame) -> None:
        """Write one picture.

        Raises:
            SinkError: the file cannot be written, would replace the source's own picture, cannot
                hold the frame's alpha, or is a second one for a single name.
        """
        with self._naming:
            target = self._target(frame)
            self._written[target] = frame.name
        if frame.alpha is not None and target.suffix.lower() not in _ALPHA_SUFFIXES:
            raise SinkError(f"{target} cannot hold alpha", hint="write png or webp pictures")
        if self._is_source(target, frame):
            raise SinkError(f"{target} is the input itself", hint="write to another folder")
        data = self._encode(frame, target.suffix.lower())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data)
        except OSError as exc:
            hint = "free some space" if exc.errno in _NO_ROOM else "choose another folder"
            raise SinkError(f"cannot write {target}: {exc.strerror}", hint=hint) from exc

    def close(self) -> None:
        """Each picture is complete as soon as it is written."""

    def abort(self) -> None:
        """Each picture is complete as soon as it is written, and stays."""

    def _target(self, frame: Frame) -> Path:
        if self._single:
            if self._written:
                raise SinkError(
                    f"there are more pictures than one for {self._path}",
                    hint=f"name a folder: {self._path.with_suffix('')}/",
                )
            return self._path
        name = Path(frame.name or f"frame_{frame.index:06d}")
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"a frame's name must stay in its folder, got {frame.name!r}")
        suffix = self._format or _auto_suffix(frame)
        target = self._path / (name.with_suffix(suffix) if frame.name else f"{name}{suffix}")
        # a.jpg and a.png would both become a.png; a.jpg that comes again replaces its result.
        if self._written.get(target, frame.name) != frame.name:
            target = self._path / f"{name}{suffix}"
        return target

    def _is_source(self, target: Path, frame: Frame) -> bool:
        source = Path(self._info.name)
        return is_same(target, source / frame.name) or is_same(target, source)

    def _encode(self, frame: Frame, suffix: str) -> bytes:
        picture = frame.bgr
        if frame.alpha is not None:
            picture = cast(Image, cv2.merge([*cv2.split(frame.bgr), frame.alpha]))
        flag = _QUALITY.get(suffix)
        settings = [flag, self._quality] if flag else []
        data = encode(suffix, picture, frame.tags, settings)
        if data is None:
            raise SinkError(f"cannot encode frame {frame.index} as {suffix[1:]}")
        return data


def _suffix_of(options: ImagesSink.Options) -> str:
    """Return the suffix that every picture gets, or "" where it depends on the picture.

    Raises:
        ConfigError: a single file's name and the format asked for contradict each other.
    """
    if options.format == "auto":
        return ""
    suffix = options.path.suffix.lower()
    named = {".jpeg": ".jpg"}.get(suffix, suffix)
    if named in PICTURE_SUFFIXES and named != f".{options.format}":
        raise ConfigError(f"{options.path} is not a {options.format}", hint="leave format out")
    return f".{options.format}"


def _auto_suffix(frame: Frame) -> str:
    return ".png" if frame.alpha is not None else result_suffix(frame.name)


def _replace(target: Path, data: bytes) -> None:
    """Write `data` under a temporary name and move it to `target`."""
    part = unfinished(target)
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
