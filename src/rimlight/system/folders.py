"""Which files lie in a folder, below it, or match a glob: one rule for every command.

Left out are companions that systems keep next to the user's files (names with a leading dot such
as "._a.jpg", Thumbs.db, @eaDir, __MACOSX, $RECYCLE.BIN), folders behind links, which may lead
round in a circle, and the folders of the run's own results.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape, glob
from pathlib import Path

from rimlight.system.file_kinds import HEIFS, is_picture, suffix_of

_WILD = re.compile(r"[*?\[]")
_COMPANIONS = frozenset(
    {
        "@eadir", "__macosx", "$recycle.bin", "#recycle", "#snapshot", "lost+found",
        "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
    }
)  # fmt: skip
"""Files and folders of Synology, macOS and Windows, in lower case."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder.

    Attributes:
        files: everything but folders and companions, in natural order. A link that leads nowhere,
            a pipe or a device may be among them.
        folders: how many folders were not looked into.
        own: folders of results that were passed over.
    """

    files: tuple[Path, ...]
    folders: int = 0
    own: tuple[Path, ...] = ()


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in names by value: 2.mp4 before 10.mp4."""
    pieces = re.findall(r"(\d+)|(\D+)", name)
    return [(0, int(number), "") if number else (1, 0, text) for number, text in pieces]


def is_companion(name: str) -> bool:
    """Return True for the name of a file or folder that a system keeps next to the user's."""
    return name.startswith(".") or name.lower() in _COMPANIONS


def is_among_companions(place: str) -> bool:
    """Return True if a part of a relative path is a companion's name."""
    return any(is_companion(part) for part in place.split("/") if part not in {"", ".", ".."})


def list_folder(
    top: Path, *, recursive: bool = False, own: Iterable[Path] = (), strict: bool = True
) -> Listing:
    """List the files in a folder.

    Args:
        top: the folder.
        recursive: look into the folders in it too, but not behind links.
        own: folders that are passed over, where they lie below `top`.
        strict: raise where a folder may not be read, instead of passing over it.

    Raises:
        OSError: a folder may not be read.
    """
    results = {_real(path) for path in own} - {_real(top)}
    below = sorted(path for path in results if path.is_relative_to(_real(top)))
    passed = tuple(path for path in below if path.is_dir())
    files: list[Path] = []
    skipped = 0
    for root, folders, names in os.walk(top, onerror=_fail if strict else None):
        here = Path(root)
        files += [here / name for name in names if not is_companion(name)]
        inside = [
            name
            for name in folders
            if not is_companion(name) and not (results and _real(here / name) in results)
        ]
        skipped += 0 if recursive else len(inside)
        folders[:] = sorted(inside) if recursive else []
    return Listing(tuple(sorted(files, key=in_order)), skipped, passed if recursive else ())


def files_in(folder: Path, takes: Callable[[Path], bool] = is_picture) -> list[Path]:
    """Return the regular files directly in `folder` that `takes` takes, in natural order.

    Raises:
        OSError: there is no such folder, or it may not be read.
    """
    return [path for path in list_folder(folder).files if takes(path) and path.is_file()]


def matching(pattern: str, *, own: Iterable[Path] = ()) -> list[Path]:
    """Return what a glob stands for, without folders and companions, in natural order.

    "**" stands for any number of folders, but does not go through links. Companions that the
    pattern names before its first wildcard are meant.
    """
    base = glob_base(pattern)
    results = {_real(path) for path in own}
    found = [Path(name) for name in dict.fromkeys(_globbed(pattern))]
    kept = [
        path
        for path in found
        if not is_among_companions(path.relative_to(base).as_posix())
        and not os.path.isdir(path)
        and not (results and any(_real(folder) in results for folder in _between(path, base)))
    ]
    return sorted(kept, key=in_order)


def glob_base(pattern: str) -> Path:
    """Return the folder above the first wildcard of a glob."""
    base = Path(pattern)
    while _WILD.search(str(base)):
        base = base.parent
    return base


def is_glob(text: str) -> bool:
    """Return True if there are wildcards in `text`."""
    return _WILD.search(text) is not None


def in_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts paths as people do: 2.png before 10.png."""
    return natural(str(path))


def describe_left_out(
    names: Sequence[Path], listing: Listing | None = None, *, where: str = ""
) -> str:
    """Say in one line what is left out, with numbers; "" for nothing.

    Args:
        names: files that are not taken.
        listing: of the folder they lie in, which tells folders that were not looked into.
        where: the folder, named at the start.
    """
    kinds = Counter(map(_kind, names))
    counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    files = f"{len(names)} file{'s' * (len(names) > 1)}"
    told = [f"{files} left out: {', '.join(counts)}"] if names else []
    if listing is not None and listing.folders:
        told.append(f"{listing.folders} folder{'s' * (listing.folders > 1)} not looked into")
    if listing is not None and listing.own:
        told.append(f"results in {', '.join(map(str, listing.own))} left out")
    heif = next((kind for kind in kinds if kind in HEIFS), "")
    hint = f" ({heif} needs: pip install 'rimlight[heic]')" if heif else ""
    start = f"{where}: " if where else ""
    return f"{start}{'; '.join(told)}{hint}" if told else ""


def _kind(path: Path) -> str:
    """Name what a file is counted as: by its suffix, or itself where it is no regular file."""
    if os.path.exists(path) and not os.path.isfile(path):
        return f"{path.name} (a pipe or device)"
    return suffix_of(path) or "without a suffix"


def _globbed(pattern: str) -> Iterator[str]:
    """Expand a glob as the standard library does, but never through links for "**"."""
    head, deep, rest = re.sub(r"/\*\*$", "/**/*", pattern).partition("**/")
    if not deep or (head and not head.endswith("/")):
        yield from glob(pattern)
        return
    # Tops behind a link that the user wrote are entered; links below them are not.
    for top in glob(head) if head else ["."]:
        for root, folders, _ in os.walk(top):
            folders[:] = [name for name in folders if not is_companion(name)]
            here = "" if root == "." and not head else f"{escape(os.path.normpath(root))}/"
            yield from _globbed(here + rest)


def _between(path: Path, base: Path) -> Iterator[Path]:
    """Yield the folders of `path` below `base`."""
    for folder in path.parents:
        if folder == base:
            return
        yield folder


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _fail(error: OSError) -> None:
    raise error  # os.walk passes over what it may not read, unless told otherwise
