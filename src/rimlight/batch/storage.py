"""Files by path, or by address ("s3://bucket/talk.mp4") where fsspec knows the protocol."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rimlight.core.errors import MissingDependencyError, RimlightError, SinkError, SourceOpenError
from rimlight.system import folders
from rimlight.system.atomic_io import create_partial_file

_MARKS_OF_CONTENT = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
"""What the file systems call a thing that changes when a file does; the first there is counts."""


_WITHOUT_FOLDERS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""Object stores. Asked for a folder they would make a bucket, one for every slip of the pen."""

_GROWING = frozenset({"file", "local", "sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs"})
"""Systems where a file is seen while it is written; they can give another name in one step."""


def is_url(place: str) -> bool:
    """Say whether `place` is an address rather than a path."""
    return "://" in place


def is_bucket(place: str) -> bool:
    """Say whether an address is that of a whole object store, next to which nothing can lie."""
    protocol, _, path = place.partition("://")
    return protocol in _WITHOUT_FOLDERS and "/" not in path.strip("/")


def below(folder: str, *names: str) -> str:
    """Return the place of something in a folder."""
    if not is_url(folder):
        return str(Path(folder, *names))
    protocol, _, path = folder.partition("://")
    top = f"{protocol}://{path.rstrip('/')}"
    return "/".join([top, *(name for name in names if name != ".")])


def parent(place: str) -> str:
    """Return the folder that `place` lies in."""
    if not is_url(place):
        return str(Path(place).parent)
    protocol, _, path = place.partition("://")
    return f"{protocol}://{path.rstrip('/').rpartition('/')[0]}"


def exists(place: str) -> bool:
    """Say whether there is a file or folder."""
    if not is_url(place):
        return os.path.exists(place)
    with _asked(place) as (system, path):
        return bool(system.exists(path))


def is_folder(place: str) -> bool:
    """Say whether there is a folder, or something below that name."""
    if not is_url(place):
        return os.path.isdir(place)
    with _asked(place) as (system, path):
        return bool(system.isdir(path))


def matching(pattern: str) -> list[str]:
    """Return the places that a glob stands for, sorted."""
    if not is_url(pattern):
        return [str(path) for path in folders.expand_glob(pattern)]
    with _asked(pattern) as (system, path):
        return sorted(system.unstrip_protocol(found) for found in system.glob(path))


def files_below(folder: str) -> list[str]:
    """Return all files below an address, at any depth, sorted."""
    with _asked(folder) as (system, path):
        found = [system.unstrip_protocol(file) for file in system.find(path)]
        # A system may write an address in its own way; below the folder it is said in the user's.
        root = system.unstrip_protocol(path).rstrip("/")
    return sorted(below(folder, file[len(root) + 1 :]) for file in found)


def facts(place: str) -> list[Any]:
    """Return name, size and a mark that changes with the content.

    Raises:
        OSError: there is no such file.
    """
    if not is_url(place):
        status = os.stat(place)
        return [os.path.basename(place), status.st_size, status.st_mtime_ns]
    with _asked(place) as (system, path):
        known = system.info(path)
    mark = next((str(known[key]) for key in _MARKS_OF_CONTENT if known.get(key)), "")
    return [place.rpartition("/")[2], known.get("size"), mark]


def size_now(place: str) -> int | None:
    """Return the size of a file at an address, None where there is none at this moment.

    What the file system was told earlier does not count. A folder has the size -1.

    Raises:
        SourceOpenError: the address cannot be reached.
    """
    with suppress(FileNotFoundError), _asked(place) as (system, path):
        system.invalidate_cache(path)
        known = system.info(path)
        return -1 if known["type"] == "directory" else int(known["size"])
    return None


def fetch(place: str, path: Path) -> None:
    """Copy a file from anywhere to a path.

    Raises:
        SourceOpenError: there is no such file, or it cannot be read.
    """
    try:
        if not is_url(place):
            shutil.copyfile(place, path)
            return
        with _asked(place) as (system, remote):
            system.get_file(remote, str(path))
    except OSError as exc:
        raise _unreachable("read", place, exc) from exc


def store(path: Path, place: str) -> None:
    """Copy a file to anywhere; it has its name when it is whole, not before.

    Raises:
        SinkError: it cannot be written.
    """
    with _written(place) as target:
        if isinstance(target, Path):
            shutil.copyfile(path, target)
        else:
            system, remote = target
            system.put_file(str(path), remote)


def write(place: str, content: bytes) -> None:
    """Write a small file, in the same way.

    Raises:
        SinkError: it cannot be written.
    """
    with _written(place) as target:
        if isinstance(target, Path):
            target.write_bytes(content)
        else:
            system, remote = target
            system.pipe_file(remote, content)


def read(place: str) -> bytes | None:
    """Return a small file's content, None where there is no such file.

    Raises:
        SourceOpenError: it is there, and cannot be read.
    """
    try:
        if not is_url(place):
            return Path(place).read_bytes()
        with _asked(place) as (system, remote):
            content: bytes = system.cat_file(remote)
            return content
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unreachable("read", place, exc) from exc


def move(place: str, other: str) -> None:
    """Give a file another name in its folder.

    Raises:
        SinkError: it cannot be moved.
    """
    try:
        if not is_url(place):
            os.rename(place, other)
            return
        with _asked(place) as (system, path):
            system.mv(path, _system(other)[1])
    except OSError as exc:
        why = exc.strerror or exc
        raise SinkError(f"cannot move {place}: {why}", hint="move it by hand") from exc


def remove(folder: str) -> None:
    """Remove a folder with all that is in it; none is fine.

    Raises:
        SourceOpenError: it is at an address, and cannot be removed.
    """
    if not is_url(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with _asked(folder) as (system, path):
        system.invalidate_cache(path)  # other machines may have filled it
        if system.exists(path):
            system.rm(path, True)


def check(places: Sequence[str]) -> None:
    """Find out at once whether the file systems of `places` can be used from here.

    Raises:
        MissingDependencyError: fsspec, or the package for a protocol, is not installed.
    """
    for place in places:
        if is_url(place):
            _system(place)


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
        raise SourceOpenError(
            f"unknown kind of address: {protocol}://", hint="such as s3://bucket/folder"
        ) from exc
    return system, str(path)


@contextmanager
def _asked(place: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of an address, and the path in it; its errors become ours."""
    system, path = _system(place)
    try:
        yield system, path
    except (RimlightError, FileNotFoundError):
        raise
    except Exception as exc:  # each system has errors of its own, and most are no OSErrors
        raise _unreachable("reach", place, exc) from exc


@contextmanager
def _written(place: str) -> Iterator[Path | tuple[Any, str]]:
    """Yield where to write: a path that takes the name `place` at the end, or as `_asked`."""
    try:
        if is_url(place):
            with _written_far(place) as far:
                yield far
            return
        target = Path(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = create_partial_file(target)
        try:
            yield part
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except RimlightError:
        raise
    except Exception as exc:  # as above
        why = getattr(exc, "strerror", None) or exc
        raise SinkError(f"cannot write {place}: {why}", hint="check its rights and room") from exc


@contextmanager
def _written_far(place: str) -> Iterator[tuple[Any, str]]:
    """Yield a file system and where to write in it.

    A new file gets its name at the end. One that is there is written over: not every system would
    give its name to another.
    """
    system, remote = _system(place)
    protocol = place.partition("://")[0]
    if protocol not in _WITHOUT_FOLDERS:
        system.makedirs(parent(remote), exist_ok=True)
    if protocol not in _GROWING or system.exists(remote):
        yield system, remote
        return
    part = f"{parent(remote)}/.{secrets.token_hex(6)}.part"
    try:
        yield system, part
        system.mv(part, remote)
    except BaseException:
        with suppress(Exception):  # what went wrong is told already
            system.rm_file(part)
        raise


def _unreachable(what: str, place: str, exc: Exception) -> SourceOpenError:
    why = getattr(exc, "strerror", None) or exc
    hint = "check its spelling, your rights and the net"
    return SourceOpenError(f"cannot {what} {place}: {why}", hint=hint)
