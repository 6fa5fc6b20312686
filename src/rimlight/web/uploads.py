"""Stores a picture that was dropped on the panel: checked, bounded in size, under a free name."""

from __future__ import annotations

import re
from pathlib import Path

from rimlight.core.errors import ConfigError
from rimlight.imaging.image_files.read import decode_image, describe_read_error
from rimlight.system.atomic_io import (
    create_partial_file,
    find_free_path,
    make_folder,
    move_into_place,
    translate_os_errors,
)
from rimlight.system.file_kinds import HEADER_BYTES, detect_image_format

MAX_UPLOAD_BYTES = 32 << 20
MAX_MEGAPIXELS = 50.0
"""A larger picture would take hundreds of megabytes next to a live run."""
_MAX_STEM = 60
_SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "gif": ".gif",
    "bmp": ".bmp",
    "tiff": ".tiff",
    "avif": ".avif",
    "heif": ".heic",
}


def store_background(data: bytes, name: str, folder: Path) -> Path:
    """Write a picture to `folder`; return its path, or that of the same picture there.

    Args:
        data: the content of the file.
        name: what the user calls it; its signs other than letters, digits, space, `-`, `_` and `.`
            are replaced, and its ending is that of the content.
        folder: is created if necessary.

    Raises:
        ConfigError: `data` is no picture, or too large; nothing is written.
        SinkError: it cannot be written.
    """
    suffix = _SUFFIXES.get(detect_image_format(data[:HEADER_BYTES]), "")
    if not suffix:
        raise ConfigError("this file is no picture", hint="drop a JPEG, PNG, WebP, AVIF or GIF")
    try:
        decode_image(data, suffix, max_megapixels=MAX_MEGAPIXELS)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"this picture cannot be read: {describe_read_error(exc)}",
            hint="save it again as JPEG or PNG, at most 50 megapixels",
        ) from exc
    path = folder / f"{clean_stem(name)}{suffix}"
    make_folder(folder)
    with translate_os_errors(path):
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return path
        return _write_to_free_name(data, path)


def clean_stem(name: str) -> str:
    """Return a file name without its ending that holds no path, markup or control signs."""
    stem = re.sub(r"[^\w .\-]", "_", Path(name.replace("\\", "/")).stem)
    return stem.strip(" .")[:_MAX_STEM].strip(" .") or "background"


def _write_to_free_name(data: bytes, path: Path) -> Path:
    part = create_partial_file(path)
    try:
        part.write_bytes(data)
        while True:
            free = find_free_path(path)
            try:
                move_into_place(part, free, overwrite=False)
            except FileExistsError:  # somebody was faster
                continue
            return free
    finally:
        part.unlink(missing_ok=True)
