"""Finds image files: those of a folder, a glob or a list, or a single one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rimlight.core.documents import DocumentError, read_limited
from rimlight.core.errors import SourceOpenError
from rimlight.system.file_kinds import IMAGE_SUFFIXES, is_image, is_video
from rimlight.system.folders import (
    FolderListing,
    describe_skipped,
    expand_glob,
    get_glob_base,
    is_glob,
    list_folder,
)


@dataclass(frozen=True, slots=True)
class ImagePaths:
    """Image files in order.

    Attributes:
        base: the folder that names are relative to.
        paths: the images, in order.
        note: what was skipped; "" for nothing.
    """

    base: Path
    paths: list[Path]
    note: str = ""


def find_images(text: str, *, recursive: bool, excluded: Sequence[Path] = ()) -> ImagePaths:
    """Find the images that `text` names.

    Args:
        text: a folder, a glob, an image, or "@FILE" for a text file with an image in each line.
        recursive: look into the folders in a folder.
        excluded: folders of results, which are skipped.

    Raises:
        SourceOpenError: no image was found, or the folder cannot be read.
    """
    if text.startswith("@"):
        return _read_list(Path(os.path.expanduser(text[1:])))
    path = Path(os.path.expanduser(text))
    try:
        listing = (
            list_folder(path, recursive=recursive, excluded=excluded)
            if os.path.isdir(path)
            else None
        )
        if listing is None and not os.path.lexists(path):
            path.stat()  # tells "not there" from "may not be looked at"
    except FileNotFoundError:
        return _expand_pattern(path, excluded)
    except OSError as exc:
        raise SourceOpenError(
            f"cannot read {path}: {(exc.strerror or str(exc)).lower()}",
            hint="check the permissions of the folder (ls -ld shows them)",
        ) from exc
    return (
        ImagePaths(path.parent, [path])
        if listing is None
        else _find_in_folder(path, listing, recursive)
    )


def _find_in_folder(folder: Path, listing: FolderListing, recursive: bool) -> ImagePaths:
    pictures = [path for path in listing.files if is_image(path)]
    others = [path for path in listing.files if not is_image(path)]
    note = describe_skipped(others, listing, where=str(folder))
    if pictures:
        return ImagePaths(folder, pictures, note)
    kinds = ", ".join(sorted(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES))
    deeper = "" if recursive else "; for folders in it set recursive"
    videos = sum(is_video(path) for path in others)
    hint = f"looked for {kinds}{deeper}"
    if videos:
        hint = f"for the videos in it ({videos}): rimlight batch {folder} -o RESULTS"
    left = f" ({note.removeprefix(f'{folder}: ')})" if others else ""
    raise SourceOpenError(f"there are no pictures in {folder}{left}", hint=hint)


def _read_list(file: Path) -> ImagePaths:
    """Return the images that `file` lists, in its order; relative paths start at its folder.

    Missing files stay in the list: the reader reports them and reads the others.
    """
    try:
        lines = read_limited(file).decode("utf-8-sig", "surrogateescape").splitlines()
    except (OSError, DocumentError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise SourceOpenError(
            f"cannot read the list {file}: {reason}",
            hint="a text file, one picture in each line",
        ) from exc
    if any("\0" in line for line in lines):
        raise SourceOpenError(
            f"cannot read the list {file}: it is no text",
            hint="a text file, one picture in each line",
        )
    here = Path(os.path.abspath(file)).parent
    paths = [here / Path(os.path.expanduser(line)) for line in map(str.strip, lines) if line]
    if not any(map(os.path.lexists, paths)):
        what = f"{paths[0]}, which is not there" if paths else "no picture"
        raise SourceOpenError(f"the list {file} names {what}", hint="correct the list")
    # abspath, as names must not lead out of the base by "..", nor be changed by links.
    paths = [Path(os.path.abspath(path)) for path in paths]
    return ImagePaths(Path(os.path.commonpath([path.parent for path in paths])), paths)


def _expand_pattern(pattern: Path, own: Sequence[Path]) -> ImagePaths:
    if not is_glob(str(pattern)):
        raise SourceOpenError(
            f"no such file or folder: {pattern}", hint="check the path and its spelling"
        )
    found = expand_glob(str(pattern), excluded=own)
    pictures = [path for path in found if is_image(path)]
    others = [path for path in found if not is_image(path)]
    if not pictures:
        raise SourceOpenError(
            f"no picture matches {pattern}" + (f" ({describe_skipped(others)})" if others else ""),
            hint="quote the pattern so that the shell leaves it",
        )
    return ImagePaths(
        get_glob_base(str(pattern)), pictures, describe_skipped(others, where=str(pattern))
    )
