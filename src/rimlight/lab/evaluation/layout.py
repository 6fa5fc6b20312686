"""Where pictures and their labels lie: images/ with masks/ or labels/, or split in folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rimlight.core.errors import ConfigError
from rimlight.core.wording import format_count, join_names
from rimlight.system.file_kinds import get_suffix, is_image
from rimlight.system.folders import is_companion, list_files


def sides(folder: Path, other: str) -> tuple[Path, Path | None]:
    """Return the folder of pictures, and that of what belongs to them.

    That is images/ next to `other`, or images/train next to `other`/train; or else the folder
    itself and None.

    Args:
        folder: holds images/, or is or lies in one.
        other: "masks" or "labels".
    """
    if (folder / "images").is_dir():
        beside = folder / other
        return folder / "images", beside if beside.is_dir() else None
    parts = folder.parts
    for place in range(len(parts) - 1, -1, -1):
        if parts[place].lower() == "images":
            beside = Path(*parts[:place], other, *parts[place + 1 :])
            return folder, beside if beside.is_dir() else None
    return folder, None


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures directly in a folder, without companions, in natural order.

    Raises:
        ConfigError: it is not there, or may not be read.
    """
    return _listed(folder, is_image)


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, without companions, by name.

    Raises:
        ConfigError: it is not there, or may not be read.
    """
    with _reading(folder):
        entries = sorted(folder.iterdir())
    return [entry for entry in entries if entry.is_dir() and not is_companion(entry.name)]


def files_like(folder: Path, suffix: str) -> list[Path]:
    """Return the files directly in a folder that end in `suffix`, as `pictures_in`."""
    return _listed(folder, lambda path: get_suffix(path) == suffix)


def what_lies_in(folder: Path) -> str:
    """Describe in a few words what is in a folder, for messages."""
    try:
        entries = [entry for entry in sorted(folder.iterdir()) if not is_companion(entry.name)]
    except OSError as exc:
        return f"it cannot be read ({exc.strerror})"
    folders = [f"{entry.name}/" for entry in entries if entry.is_dir()]
    files = [entry.name for entry in entries if not entry.is_dir()]
    kinds = Counter(get_suffix(name) or "without a suffix" for name in files)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    told = [join_names(folders)] if folders else []
    if files:
        told.append(f"{format_count(len(files), 'file')} ({counts}), such as {files[0]}")
    return " and ".join(told) or "nothing"


def _listed(folder: Path, takes: Callable[[Path], bool]) -> list[Path]:
    with _reading(folder):
        return list_files(folder, takes)


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError(
            f"cannot read the folder {folder}: {exc.strerror}", hint="check the path"
        ) from exc
