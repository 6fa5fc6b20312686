"""One picture file per frame, in a folder or under one name."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Literal, cast

import cv2
import numpy as np
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, PartialOutputError, SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import Image
from rimlight.imaging.image_files.exr import encode_exr
from rimlight.imaging.image_files.metadata import encode_image
from rimlight.sinks.delivery import AlphaMode
from rimlight.sinks.output_paths import (
    ALPHA_SUFFIXES,
    check_can_be_folder,
    check_not_source,
    check_writable_file,
    find_name_key,
    generate_names,
    get_file_id,
    get_file_ids,
    is_single_image,
    plan_names,
)
from rimlight.sinks.result_record import (
    RecordedResults,
    ResultRecord,
    read_file_stamp,
    record_result,
)
from rimlight.system.atomic_io import create_partial_file, move_into_place
from rimlight.system.av import av
from rimlight.system.file_kinds import WRITABLE_IMAGE_SUFFIXES, choose_result_suffix

_log = logging.getLogger(__name__)

_MAX_WRITERS = 4
_QUALITY = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
}
_MAX_SIDE_PX = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}
_ERROR_HINTS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "free some space, or raise the limit of a file's size (ulimit -f)",
}
_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.EILSEQ)
"""What the disk says when it can hold the picture, but not under this name."""
_PNG_HINT = "write png images: set format=png"


class ImagesSink:
    """Writes each frame as a picture, complete or not at all.

    In a folder, pictures keep the names and subfolders of the source's; frames of a video are
    called frame_000000 and so on. A path that ends in .png, .jpg and the like is one picture.
    Pictures that are written stay, even when the run is aborted later. Of single pictures, one
    that cannot be written is left out, and `close` names it.

    No file is replaced unless `overwrite` is set, this sink made it, an unfinished run of the same
    source did (see `Made`), or the `record` lists it. The input is never replaced.

    Raises:
        SinkError: the place cannot be written to, is the input itself, or holds other pictures.
    """

    class Options(options.Options):
        """Options of picture files."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[
            options.FilePath, Field(description="a folder, or one file for one picture")
        ]
        format: Annotated[
            Literal["auto", "png", "png16", "webp", "jpg", "exr"],
            Field(
                description="auto: as the source's pictures, png where there is alpha; png16: with "
                "16 bits; exr: OpenEXR, half float, linear light"
            ),
        ] = "auto"
        alpha: Annotated[
            AlphaMode, Field(description="of exr: whether colors are multiplied with alpha")
        ] = "straight"
        quality: Annotated[int, Field(ge=1, le=100, description="of jpg and webp")] = 92
        overwrite: Annotated[bool, Field(description="replace files of the results' names")] = False
        keep_record: Annotated[
            bool,
            Field(description="keep a hidden list of the results; a later run may replace these"),
        ] = False
        recorded_name: Annotated[
            str | None, Field(description="what the input is called in that list, if not its name")
        ] = None
        transparent: Annotated[bool, Field(description="all frames have alpha")] = False
        record: Annotated[
            Path | None,
            Field(description="a file that says which results were made; they may be replaced"),
        ] = None

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._options = options
        self._path = options.path
        self._info = info
        self._single = is_single_image(options.path)
        self._format = _choose_suffix(options)
        self._written: dict[str, str] = {}
        self._done: set[str] = set()
        self._unwritten: list[PartialOutputError] = []
        self._naming = threading.Lock()
        self._is_all = True
        self._made: ResultRecord | None = None
        self._noted = RecordedResults(options.record) if options.record else None
        self._inputs = get_file_ids(path for _, path in info.image_paths)
        self._opaque: Mapping[str, str] = {}
        self._clear: Mapping[str, str] = {}
        self._older: set[str] = set()
        if self._single:
            check_not_source(options.path, info)
            self._check_not_input(options.path)
            check_writable_file(options.path, overwrite=self._can_replace(""))
        else:
            check_can_be_folder(options.path)
            self._open_folder()

    @property
    def writers(self) -> int:
        """Encoding takes the most time of all, and pictures do not depend on each other."""
        return 1 if self._single else max(1, min(_MAX_WRITERS, os.cpu_count() or 1))

    def write(self, frame: Frame) -> None:
        """Write one picture.

        Raises:
            SinkError: the file cannot be written; or, where that ends the run, it would replace
                another, cannot hold the frame's alpha or size, or is a second one for a single
                name.
        """
        try:
            self._write(frame)
            self._done.add(frame.name)
        except PartialOutputError as exc:
            if self._single or not self._info.is_image_sequence:
                raise
            _log.warning("left out %s", exc)
            with self._naming:
                self._unwritten.append(exc)

    def mark_partial(self) -> None:
        """Tell the sink that it has not received all frames: the same run may be given again."""
        self._is_all = False

    def close(self) -> None:
        """End the record of the run; each picture is complete as soon as it is written.

        Raises:
            PartialOutputError: some pictures could not be written; all others were.
        """
        unwritten, self._unwritten = self._unwritten, []
        self._close_record(is_whole=self._is_all and not unwritten and self._has_all())
        if unwritten:
            count = len(self._info.image_paths) or len(unwritten) + len(self._done)
            texts = "; ".join(map(str, unwritten[:3])) + ("; ..." if unwritten[3:] else "")
            raise PartialOutputError(
                f"{len(unwritten)} of {count} pictures could not be written: {texts}",
                hint=unwritten[0].hint,
            )

    def abort(self) -> None:
        """Each picture is complete as soon as it is written, and stays."""
        self._close_record(is_whole=False)

    def _open_folder(self) -> None:
        """Plan the names of the results and refuse to replace what others made."""
        self._made = ResultRecord(self._path, self._options.recorded_name or self._info.name)
        names = [name for name, _ in self._info.image_paths]
        alike = (*names, *(str(PurePosixPath(name).with_suffix("")) for name in names))
        key = find_name_key(self._path, alike)
        always_clear = self._options.transparent
        self._opaque = plan_names(names, lambda n: self._get_suffix(n, always_clear), key=key)
        other = [n for n in names if self._get_suffix(n, True) != self._get_suffix(n, always_clear)]
        clear = plan_names(
            other, lambda n: self._get_suffix(n, True), key=key, taken=self._opaque.values()
        )
        self._clear = {**self._opaque, **clear}
        self._written = self._made.names
        try:
            self._check_free()
        except SinkError:
            self._close_record(is_whole=False)
            raise

    def _check_free(self) -> None:
        for file in self._opaque.values():
            self._check_not_input(self._path / file)
        self._older = (
            set(self._opaque.values())
            if self._info.is_image_sequence
            else self._find_numbered_frames()
        )
        if self._options.overwrite:
            return
        foreign = [
            file
            for file in sorted(self._older)
            if os.path.lexists(self._path / file) and not self._is_own(file)
        ]
        if foreign:
            more = f", and {len(foreign) - 1} more results" if foreign[1:] else ""
            raise SinkError(
                f"{self._path / foreign[0]} exists{more}",
                hint="choose another folder, or set overwrite=true",
            )

    def _find_numbered_frames(self) -> set[str]:
        """Return the frames of videos that lie in the folder.

        Raises:
            SinkError: other files lie there, and the frames would be scattered among them.
        """
        if not self._path.is_dir():
            return set()
        suffix = re.escape(self._get_suffix("", self._options.transparent))
        pattern = re.compile(rf"frame_\d{{6,}}{suffix}")
        names = sorted(name for name in os.listdir(self._path) if not name.startswith("."))
        others = [name for name in names if not pattern.fullmatch(name)]
        if others and not self._options.overwrite:
            raise SinkError(
                f"{self._path} holds other files, such as {others[0]}",
                hint=f"name a video, or a new folder such as {self._path / 'frames'}/",
            )
        return set(names).difference(others)

    def _write(self, frame: Frame) -> None:
        with self._naming:
            file = self._choose_file(frame)
            is_ours = self._can_replace(file)
            self._written[file] = frame.name
        target = self._path / file if file else self._path
        suffix = target.suffix.lower()
        if frame.alpha is not None and suffix not in ALPHA_SUFFIXES:
            raise PartialOutputError(f"{target} cannot hold alpha", hint=_PNG_HINT)
        self._check_not_input(target, frame)
        data = self._encode(frame, target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._write_file(data, target, file, frame.name, overwrite=is_ours)
        except FileExistsError as exc:
            raise PartialOutputError(
                f"{target} exists", hint="choose another place, or set overwrite=true"
            ) from exc
        except SinkError:
            raise
        except OSError as exc:
            kind = PartialOutputError if exc.errno in _NAME_ERRORS else SinkError
            hint = _ERROR_HINTS.get(exc.errno or 0, "choose another folder")
            raise kind(f"cannot write {target}: {exc.strerror}", hint=hint) from exc

    def _write_file(
        self, data: bytes, target: Path, file: str, name: str, *, overwrite: bool
    ) -> None:
        """Write `data` under a temporary name and move it to `target`."""
        part = create_partial_file(target)
        try:
            part.write_bytes(data)
            if self._made is not None:
                self._made.add(file, name, read_file_stamp(part))
            record_result(self._options.record, target, part)
            move_into_place(part, target, overwrite=overwrite)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _choose_file(self, frame: Frame) -> str:
        """Return the name of the result below the folder, "" for a single picture."""
        if self._single:
            if self._written:
                raise SinkError(
                    f"there are more pictures than one for {self._path}",
                    hint=f"name a folder: {self._path.with_suffix('')}/",
                )
            return ""
        name = PurePosixPath(frame.name)
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"a frame's name must stay in its folder, got {frame.name!r}")
        suffix = self._get_suffix(frame.name, frame.alpha is not None)
        if not frame.name:
            return f"frame_{frame.index:06d}{suffix}"
        planned = self._opaque if frame.alpha is None else self._clear
        if frame.name in planned:
            return planned[frame.name]
        # a.jpg and a.png would both become a.png; a.jpg that comes again replaces its result.
        free = (n for n in generate_names(frame.name, suffix) if self._is_free(n, frame.name))
        return next(free)

    def _is_free(self, file: str, name: str) -> bool:
        return self._written.get(file, name) == name

    def _can_replace(self, file: str) -> bool:
        if self._options.overwrite:
            return True
        was_written = file in self._written and self._made is None
        return was_written or self._is_own(file)

    def _is_own(self, file: str) -> bool:
        """Return True if this run made `file`, or an earlier one whose list or record is here."""
        target = self._path / file if file else self._path
        is_listed = self._made is not None and self._made.is_own(file)
        return is_listed or (self._noted is not None and self._noted.has(target))

    def _get_suffix(self, name: str, is_clear: bool) -> str:
        """Return the suffix of the result of a picture of that name."""
        if self._format:
            return self._format
        return ".png" if is_clear else choose_result_suffix(name)

    def _check_not_input(self, target: Path, frame: Frame | None = None) -> None:
        """Refuse to replace a file that is read.

        Raises:
            PartialOutputError: `target` is one.
        """
        inputs = self._inputs
        if frame is not None and not inputs:
            name = Path(self._info.name)
            inputs = get_file_ids([name, name / frame.name])
        if get_file_id(target) in inputs:
            raise PartialOutputError(
                f"{target} is the input itself", hint="write to another folder"
            )

    def _encode(self, frame: Frame, target: Path) -> bytes:
        suffix = target.suffix.lower()
        largest = _MAX_SIDE_PX.get(suffix)
        if largest is not None and max(frame.size) > largest:
            width, height = frame.size
            raise PartialOutputError(
                f"{target} would be {width}x{height}: {suffix[1:]} ends at {largest} pixels a side",
                hint=_PNG_HINT,
            )
        if suffix == ".exr":
            return self._encode_exr(frame, target)
        picture = frame.bgr
        if frame.alpha is not None:
            picture = cast(Image, cv2.merge([*cv2.split(frame.bgr), frame.alpha]))
        flag = _QUALITY.get(suffix)
        settings = [flag, self._options.quality] if flag else []
        data = None
        if self._options.format == "png16":
            picture = cast(Image, picture.astype(np.uint16) * 257)
        with suppress(cv2.error):
            data = encode_image(suffix, picture, frame.metadata, settings)
        if data is None:
            raise PartialOutputError(f"{target} cannot be encoded as {suffix[1:]}", hint=_PNG_HINT)
        return data

    def _encode_exr(self, frame: Frame, target: Path) -> bytes:
        try:
            return encode_exr(
                frame.bgr, frame.alpha, premultiplied=self._options.alpha == "premultiplied"
            )
        except (ValueError, av.error.FFmpegError) as exc:
            raise PartialOutputError(f"{target} cannot be encoded: {exc}", hint=_PNG_HINT) from exc

    def _has_all(self) -> bool:
        """Return True unless a picture of the source is missing; a watched folder has no end."""
        if not self._info.is_image_sequence:
            return True
        return bool(self._info.image_paths) and len(self._done) == len(self._info.image_paths)

    def _close_record(self, *, is_whole: bool) -> None:
        if self._made is not None:
            self._made.close(keep=self._options.keep_record or not is_whole)
            self._made = None
            if is_whole and not self._info.is_image_sequence:
                self._log_older_frames()

    def _log_older_frames(self) -> None:
        """Tell of frames of an earlier run, which an editor would take for this one's."""
        older = sorted(self._older - self._written.keys())
        if older:
            _log.warning(
                "%d frames of another run stay in %s: %s to %s",
                len(older),
                self._path,
                older[0],
                older[-1],
            )


def _choose_suffix(options: ImagesSink.Options) -> str:
    """Return the suffix that every picture gets, or "" where it depends on the picture.

    Raises:
        ConfigError: a single file's name and the format asked for contradict each other.
    """
    if options.format == "auto":
        return ""
    suffix = options.path.suffix.lower()
    named = {".jpeg": ".jpg"}.get(suffix, suffix)
    wanted = ".png" if options.format == "png16" else f".{options.format}"
    if named in WRITABLE_IMAGE_SUFFIXES and named != wanted:
        raise ConfigError(f"{options.path} is not a {options.format}", hint="leave format out")
    return wanted
