"""Listing of folders and globs, by one rule for every command.

Skipped are companion files of the system (names with a leading dot such as "._a.jpg", Thumbs.db,
@eaDir, __MACOSX, $RECYCLE.BIN), linked folders, which may form a circle, and the result folders of
the run.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape, glob
from pathlib import Path

from rimlight.system.file_kinds import HEIF_SUFFIXES, get_suffix, is_image

_WILD = re.compile(r"[*?\[]")
_COMPANIONS = frozenset(
    {
        "@eadir", "__macosx", "$recycle.bin", "#recycle", "#snapshot", "lost+found",
        "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
    }
)  # fmt: skip
"""Files and folders of Synology, macOS and Windows, in lower case."""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The contents of a folder.

    Attributes:
        files: everything except folders and companions, in natural order; may include broken
            links, pipes and devices.
        skipped_folders: number of folders that were not searched.
        excluded: result folders that were skipped.
    """

    files: tuple[Path, ...]
    skipped_folders: int = 0
    excluded: tuple[Path, ...] = ()


def natural_sort_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders numbers by value: 2.mp4 before 10.mp4."""
    pieces = re.findall(r"(\d+)|(\D+)", name)
    return [(0, int(number), "") if number else (1, 0, text) for number, text in pieces]


def is_companion(name: str) -> bool:
    """Return True for the name of a companion file or folder of the system."""
    return name.startswith(".") or name.lower() in _COMPANIONS


def is_below_companion(path: str) -> bool:
    """Return True if a component of a relative path names a companion."""
    return any(is_companion(part) for part in path.split("/") if part not in {"", ".", ".."})


def list_folder(
    top: Path, *, recursive: bool = False, excluded: Iterable[Path] = (), strict: bool = True
) -> FolderListing:
    """List the files in a folder.

    Args:
        top: the folder.
        recursive: search subfolders too, but not linked ones.
        excluded: folders to skip if they are below `top`.
        strict: raise if a folder cannot be read, instead of skipping it.

    Raises:
        OSError: a folder cannot be read.
    """
    results = {_resolve(path) for path in excluded} - {_resolve(top)}
    below = sorted(path for path in results if path.is_relative_to(_resolve(top)))
    passed = tuple(path for path in below if path.is_dir())
    files: list[Path] = []
    skipped = 0
    for root, folders, names in os.walk(top, onerror=_fail if strict else None):
        here = Path(root)
        files += [here / name for name in names if not is_companion(name)]
        inside = [
            name
            for name in folders
            if not is_companion(name) and not (results and _resolve(here / name) in results)
        ]
        skipped += 0 if recursive else len(inside)
        folders[:] = sorted(inside) if recursive else []
    return FolderListing(
        tuple(sorted(files, key=path_sort_key)), skipped, passed if recursive else ()
    )


def list_files(folder: Path, accepts: Callable[[Path], bool] = is_image) -> list[Path]:
    """Return the regular files directly in `folder` that `takes` takes, in natural order.

    Raises:
        OSError: the folder does not exist or cannot be read.
    """
    return [path for path in list_folder(folder).files if accepts(path) and path.is_file()]


def expand_glob(pattern: str, *, excluded: Iterable[Path] = ()) -> list[Path]:
    """Return the files that match a glob, without companions, in natural order.

    "**" matches any number of folders, but follows no links. Companions that the pattern names
    before its first wildcard are included.
    """
    base = get_glob_base(pattern)
    results = {_resolve(path) for path in excluded}
    found = [Path(name) for name in dict.fromkeys(_expand(pattern))]
    kept = [
        path
        for path in found
        if not is_below_companion(path.relative_to(base).as_posix())
        and not os.path.isdir(path)
        and not (
            results
            and any(_resolve(folder) in results for folder in _list_parents_below(path, base))
        )
    ]
    return sorted(kept, key=path_sort_key)


def get_glob_base(pattern: str) -> Path:
    """Return the folder above the first wildcard of a glob."""
    base = Path(pattern)
    while _WILD.search(str(base)):
        base = base.parent
    return base


def is_glob(text: str) -> bool:
    """Return True if `text` contains wildcards."""
    return _WILD.search(text) is not None


def path_sort_key(path: Path) -> list[tuple[int, int, str]]:
    """Return a natural sort key of a path: 2.png before 10.png."""
    return natural_sort_key(str(path))


def describe_skipped(
    names: Sequence[Path], listing: FolderListing | None = None, *, where: str = ""
) -> str:
    """Summarize skipped files and folders in one line; "" for none.

    Args:
        names: the skipped files.
        listing: of their folder, which counts the folders that were not searched.
        where: the folder, named at the start.
    """
    kinds = Counter(map(_describe_kind, names))
    counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    files = f"{len(names)} file{'s' * (len(names) > 1)}"
    told = [f"{files} left out: {', '.join(counts)}"] if names else []
    if listing is not None and listing.skipped_folders:
        told.append(
            f"{listing.skipped_folders} folder{'s' * (listing.skipped_folders > 1)} not looked into"
        )
    if listing is not None and listing.excluded:
        told.append(f"results in {', '.join(map(str, listing.excluded))} left out")
    heif = next((kind for kind in kinds if kind in HEIF_SUFFIXES), "")
    hint = f" ({heif} needs: pip install 'rimlight[heic]')" if heif else ""
    start = f"{where}: " if where else ""
    return f"{start}{'; '.join(told)}{hint}" if told else ""


def _describe_kind(path: Path) -> str:
    """Return the suffix of a file, or its name if it is not a regular file."""
    if os.path.exists(path) and not os.path.isfile(path):
        return f"{path.name} (a pipe or device)"
    return get_suffix(path) or "without a suffix"


def _expand(pattern: str) -> Iterator[str]:
    """Expand a glob like the standard library, but follow no links for "**"."""
    head, deep, rest = re.sub(r"/\*\*$", "/**/*", pattern).partition("**/")
    if not deep or (head and not head.endswith("/")):
        yield from glob(pattern)
        return
    # A linked folder that the pattern names is entered; links below it are not.
    for top in glob(head) if head else ["."]:
        for root, folders, _ in os.walk(top):
            folders[:] = [name for name in folders if not is_companion(name)]
            here = "" if root == "." and not head else f"{escape(os.path.normpath(root))}/"
            yield from _expand(here + rest)


def _list_parents_below(path: Path, base: Path) -> Iterator[Path]:
    """Yield the folders of `path` below `base`."""
    for folder in path.parents:
        if folder == base:
            return
        yield folder


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _fail(error: OSError) -> None:
    raise error  # by default, os.walk skips what it cannot read
