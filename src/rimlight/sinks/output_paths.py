"""Checks on the place of a result, made before the work starts."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from shlex import quote

from rimlight.core.errors import SinkError
from rimlight.core.frame import SourceInfo
from rimlight.system.atomic_io import is_own_report, is_special_file, translate_os_errors
from rimlight.system.file_kinds import WRITABLE_IMAGE_SUFFIXES
from rimlight.system.locks import O_NOFOLLOW

ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".exr")

FileId = tuple[int, int]
"""Device and number of a file: all its names have the same one."""

NameKey = Callable[[str], str]
"""Returns what two names that a file system takes for one have in common."""


def check_writable_file(path: Path, *, overwrite: bool) -> None:
    """Check that the file `path` can be created.

    Raises:
        SinkError: its folder is missing or not writable, it is a folder itself, or it exists
            and must not be overwritten.
    """
    folder = path.parent
    with translate_os_errors(path):  # a folder of others may refuse to be looked at
        if not folder.exists():
            raise SinkError(f"there is no folder {folder}", hint=f"mkdir -p {quote(str(folder))}")
        if not folder.is_dir():
            raise SinkError(f"{folder} is not a folder", hint="choose another place")
        if path.is_dir():
            raise SinkError(f"{path} is a folder", hint="name a file in it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"no permission to write in {folder}", hint="choose another folder")
    if os.path.lexists(path) and not overwrite:
        raise SinkError(f"{path} exists", hint="choose another name, or set overwrite=true")


def check_report(path: Path, *, overwrite: bool = False) -> None:
    """Check that a report can be written to `path`; pipes and devices will do.

    A report that rimlight wrote may be replaced by the next one.

    Raises:
        SinkError: its folder is missing or not writable, it is a folder itself, or somebody
            else's file has that name.
    """
    if not is_special_file(path):
        check_writable_file(path, overwrite=overwrite or is_own_report(path))


def check_reports(folder: Path, names: Iterable[str], *, overwrite: bool = False) -> None:
    """Check that reports of these names can be written to a folder, which may be missing.

    Raises:
        SinkError: somebody else's file has one of the names, or something that is no file.
    """
    for path in (folder / name for name in names):
        if os.path.lexists(path) and not overwrite and not is_own_report(path):
            raise SinkError(
                f"{path} exists, and is no report of rimlight",
                hint="choose another folder, or set overwrite=true",
            )


def check_unused(path: Path, *, overwrite: bool) -> None:
    """Check that nothing has the name of a file whose folder may be missing.

    Raises:
        SinkError: it exists and must not be overwritten, or is a folder.
    """
    if os.path.lexists(path):
        check_writable_file(path, overwrite=overwrite)


def check_can_be_folder(path: Path) -> None:
    """Check that `path` is a folder that can be written in, or that it can become one.

    Raises:
        SinkError: it is a file, or there is no permission.
    """
    existing = path
    with translate_os_errors(path):
        while not existing.exists():
            existing = existing.parent
    if not existing.is_dir():
        raise SinkError(f"{existing} is not a folder", hint="choose another place")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SinkError(f"no permission to write in {existing}", hint="choose another folder")


def check_not_source(path: Path, info: SourceInfo) -> None:
    """Check that writing `path` does not destroy what is being read.

    Raises:
        SinkError: `path` is the input.
    """
    for source in (info.media_path, Path(info.name)):
        if source is not None and is_same(path, source):
            raise SinkError(f"{path} is the input itself", hint="write to another name")


def get_file_id(path: Path) -> FileId | None:
    """Return what is the same for all names of a file, links to it included; None without one."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def get_file_ids(paths: Iterable[Path]) -> frozenset[FileId]:
    """Return the identity of each of `paths` that exists."""
    return frozenset(known for path in paths if (known := get_file_id(path)) is not None)


def is_same(one: Path, other: Path) -> bool:
    """Tell whether both names lead to one existing file or folder."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def is_single_image(path: Path) -> bool:
    """Return True if `path` names a picture rather than a folder."""
    return path.suffix.lower() in WRITABLE_IMAGE_SUFFIXES


def can_hold_alpha(path: Path, kind: str) -> bool:
    """Return True if pictures written to `path`, in the format `kind`, can hold alpha."""
    if is_single_image(path):
        return path.suffix.lower() in ALPHA_SUFFIXES
    return kind != "jpg"


def plan_names(
    names: Sequence[str],
    suffix_of: Callable[[str], str],
    *,
    key: NameKey = str,
    taken: Iterable[str] = (),
) -> dict[str, str]:
    """Return the result's name for each input's name; no two results share one.

    An input that has the very name of a result keeps it. Of the others, a.jpg becomes a.png, then
    a.jpg.png where a.png is taken. The same inputs always give the same names.

    Args:
        names: paths of the inputs, relative to their folder, with "/".
        suffix_of: returns the suffix of the result for an input's name.
        key: tells which names the folder of the results takes for one.
        taken: names that no result may have.
    """
    used = set(map(key, taken))
    results: dict[str, str] = {}
    own = [name for name in names if PurePosixPath(name).suffix == suffix_of(name)]
    for name in (*own, *names):
        if name not in results:
            results[name] = next(
                n for n in generate_names(name, suffix_of(name)) if key(n) not in used
            )
            used.add(key(results[name]))
    return results


def generate_names(name: str, suffix: str) -> Iterator[str]:
    """Yield names for the result of an input: talk.mp4, talk.mov.mp4, talk-2.mp4, ..."""
    path = PurePosixPath(name)
    yield str(path.with_suffix(suffix))
    if path.suffix != suffix:
        yield f"{name}{suffix}"
    yield from (str(path.with_name(f"{path.stem}-{number}{suffix}")) for number in count(2))


def find_name_key(folder: Path, names: Iterable[str]) -> NameKey:
    """Return how the file system of `folder` compares names.

    Only where some of `names` differ in nothing but case or composition, it is tried with an empty
    file, which goes at once. A folder that is missing is taken to be like the one above it.
    """
    folded = Counter(map(_fold_case, set(names)))
    if all(number == 1 for number in folded.values()):
        return str
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return _try_folder(folder)


def _try_folder(folder: Path) -> NameKey:
    """Write a file into `folder` and look for it under other names; if in doubt, take all alike."""
    name = f".rimlight-é-{secrets.token_hex(6)}"
    file = folder / name
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | O_NOFOLLOW, 0o600))
    except OSError:
        return _fold_case
    try:
        is_folded = os.path.lexists(folder / name.upper())
        is_composed = os.path.lexists(folder / unicodedata.normalize("NFD", name))
    finally:
        file.unlink(missing_ok=True)
    if is_folded:
        return _fold_case
    return _compose if is_composed else str


def _fold_case(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)
