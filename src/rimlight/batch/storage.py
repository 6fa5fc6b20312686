"""Files by path, or by address ("s3://bucket/talk.mp4") where fsspec knows the protocol."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

from rimlight.errors import MissingDependencyError, RimlightError, SinkError, SourceOpenError

_MARKS_OF_CONTENT = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
"""What the file systems call a thing that changes when a file does; the first there is counts."""


def is_url(place: str) -> bool:
    """Say whether `place` is an address rather than a path."""
    return "://" in place


def below(folder: str, *names: str) -> str:
    """Return the place of something in a folder."""
    if not is_url(folder):
        return str(Path(folder, *names))
    return "/".join([folder.rstrip("/"), *(name for name in names if name != ".")])


def parent(place: str) -> str:
    """Return the folder that `place` lies in."""
    return place.rstrip("/").rpartition("/")[0] if is_url(place) else str(Path(place).parent)


def exists(place: str) -> bool:
    """Say whether there is a file or folder."""
    if not is_url(place):
        return Path(place).exists()
    system, path = _system(place)
    return bool(_asked(place, system.exists, path))


def is_folder(place: str) -> bool:
    """Say whether there is a folder, or something below that name."""
    if not is_url(place):
        return Path(place).is_dir()
    system, path = _system(place)
    return bool(_asked(place, system.isdir, path))


def matching(pattern: str) -> list[str]:
    """Return the places that a glob stands for, sorted."""
    if not is_url(pattern):
        return sorted(glob(pattern, recursive=True))
    system, path = _system(pattern)
    return sorted(system.unstrip_protocol(p) for p in _asked(pattern, system.glob, path))


def files_below(folder: str) -> list[str]:
    """Return all files below an address, at any depth, sorted."""
    system, path = _system(folder)
    found = _asked(folder, system.find, path)
    # A system may write an address in its own way; below the folder it is said in the user's.
    root = system.unstrip_protocol(path).rstrip("/")
    return sorted(below(folder, system.unstrip_protocol(p)[len(root) + 1 :]) for p in found)


def facts(place: str) -> list[Any]:
    """Return name, size and a mark that changes with the content.

    Raises:
        OSError: there is no such file.
    """
    if not is_url(place):
        status = os.stat(place)
        return [os.path.basename(place), status.st_size, status.st_mtime_ns]
    system, path = _system(place)
    known = _asked(place, system.info, path)
    mark = next((str(known[key]) for key in _MARKS_OF_CONTENT if known.get(key)), "")
    return [place.rpartition("/")[2], known.get("size"), mark]


def fetch(place: str, path: Path) -> None:
    """Copy a file from anywhere to a path.

    Raises:
        SourceOpenError: there is no such file, or it cannot be read.
    """
    try:
        if is_url(place):
            system, remote = _system(place)
            system.get_file(remote, str(path))
        else:
            shutil.copyfile(place, path)
    except OSError as exc:
        raise SourceOpenError(f"cannot read {place}: {exc}", hint="check its spelling") from exc


def store(path: Path, place: str) -> None:
    """Copy a file to anywhere; it has its name when it is whole, not before.

    Raises:
        SinkError: it cannot be written.
    """
    try:
        if not is_url(place):
            _copy_whole(path, Path(place))
            return
        system, remote = _system(place)
        system.makedirs(parent(remote), exist_ok=True)
        system.put_file(str(path), remote)
    except OSError as exc:
        raise SinkError(f"cannot write {place}: {exc}", hint="check its rights and room") from exc


def write(place: str, content: bytes) -> None:
    """Write a small file.

    Raises:
        SinkError: it cannot be written.
    """
    try:
        if is_url(place):
            system, remote = _system(place)
            system.makedirs(parent(remote), exist_ok=True)
            system.pipe_file(remote, content)
            return
        part = Path(f"{place}.{os.getpid()}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(place)
    except OSError as exc:
        raise SinkError(f"cannot write {place}: {exc}", hint="check its rights and room") from exc


def read(place: str) -> bytes | None:
    """Return a small file's content, None where there is no such file."""
    try:
        if not is_url(place):
            return Path(place).read_bytes()
        system, remote = _system(place)
        content: bytes = system.cat_file(remote)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise SourceOpenError(f"cannot read {place}: {exc}") from exc
    return content


def remove(folder: str) -> None:
    """Remove a folder with all that is in it; none is fine."""
    if not is_url(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    system, path = _system(folder)
    if _asked(folder, system.exists, path):
        _asked(folder, system.rm, path, True)


def check(places: Sequence[str]) -> None:
    """Find out at once whether the file systems of `places` can be used from here.

    Raises:
        MissingDependencyError: fsspec, or the package for a protocol, is not installed.
    """
    for place in places:
        if is_url(place):
            _system(place)


def _copy_whole(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(path, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _system(place: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    protocol = place.partition("://")[0]
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(place)
    except ImportError as exc:
        raise MissingDependencyError(
            f"{protocol}:// needs a package that is not installed: {exc}",
            hint="pip install 'rimlight[ray]', and s3fs for s3://, gcsfs for gs://",
        ) from exc
    except ValueError as exc:
        raise SourceOpenError(f"unknown kind of address: {protocol}://") from exc
    return system, str(path)


def _asked(place: str, ask: Any, path: str, *more: Any) -> Any:
    """Ask a file system; its own errors are of many kinds, and most are not OSErrors."""
    try:
        return ask(path, *more)
    except (RimlightError, FileNotFoundError):
        raise
    except Exception as exc:
        raise SourceOpenError(f"cannot reach {place}: {exc}", hint="check rights and net") from exc
