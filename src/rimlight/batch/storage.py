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


def is_url(location: str) -> bool:
    """Say whether `location` is an address rather than a path."""
    return "://" in location


def is_bucket(location: str) -> bool:
    """Say whether an address is that of a whole object store, next to which nothing can lie."""
    protocol, _, path = location.partition("://")
    return protocol in _WITHOUT_FOLDERS and "/" not in path.strip("/")


def join(folder: str, *names: str) -> str:
    """Return the location of something in a folder."""
    if not is_url(folder):
        return str(Path(folder, *names))
    protocol, _, path = folder.partition("://")
    top = f"{protocol}://{path.rstrip('/')}"
    return "/".join([top, *(name for name in names if name != ".")])


def get_parent(location: str) -> str:
    """Return the folder that `location` lies in."""
    if not is_url(location):
        return str(Path(location).parent)
    protocol, _, path = location.partition("://")
    return f"{protocol}://{path.rstrip('/').rpartition('/')[0]}"


def exists(location: str) -> bool:
    """Say whether there is a file or folder."""
    if not is_url(location):
        return os.path.exists(location)
    with _use_filesystem(location) as (system, path):
        return bool(system.exists(path))


def is_folder(location: str) -> bool:
    """Say whether there is a folder, or something below that name."""
    if not is_url(location):
        return os.path.isdir(location)
    with _use_filesystem(location) as (system, path):
        return bool(system.isdir(path))


def expand_glob(pattern: str) -> list[str]:
    """Return the locations that a glob stands for, sorted."""
    if not is_url(pattern):
        return [str(path) for path in folders.expand_glob(pattern)]
    with _use_filesystem(pattern) as (system, path):
        return sorted(system.unstrip_protocol(found) for found in system.glob(path))


def list_files(folder: str) -> list[str]:
    """Return all files below an address, at any depth, sorted."""
    with _use_filesystem(folder) as (system, path):
        found = [system.unstrip_protocol(file) for file in system.find(path)]
        # A system may write an address in its own way; below the folder it is said in the user's.
        root = system.unstrip_protocol(path).rstrip("/")
    return sorted(join(folder, file[len(root) + 1 :]) for file in found)


def read_facts(location: str) -> list[Any]:
    """Return name, size and a mark that changes with the content.

    Raises:
        OSError: there is no such file.
    """
    if not is_url(location):
        status = os.stat(location)
        return [os.path.basename(location), status.st_size, status.st_mtime_ns]
    with _use_filesystem(location) as (system, path):
        known = system.info(path)
    mark = next((str(known[key]) for key in _MARKS_OF_CONTENT if known.get(key)), "")
    return [location.rpartition("/")[2], known.get("size"), mark]


def read_current_size(location: str) -> int | None:
    """Return the size of a file at an address, None where there is none at this moment.

    What the file system was told earlier does not count. A folder has the size -1.

    Raises:
        SourceOpenError: the address cannot be reached.
    """
    with suppress(FileNotFoundError), _use_filesystem(location) as (system, path):
        system.invalidate_cache(path)
        known = system.info(path)
        return -1 if known["type"] == "directory" else int(known["size"])
    return None


def fetch(location: str, path: Path) -> None:
    """Copy a file from anywhere to a path.

    Raises:
        SourceOpenError: there is no such file, or it cannot be read.
    """
    try:
        if not is_url(location):
            shutil.copyfile(location, path)
            return
        with _use_filesystem(location) as (system, remote):
            system.get_file(remote, str(path))
    except OSError as exc:
        raise _make_unreachable_error("read", location, exc) from exc


def store(path: Path, location: str) -> None:
    """Copy a file to anywhere; it has its name when it is whole, not before.

    Raises:
        SinkError: it cannot be written.
    """
    with _write_to(location) as target:
        if isinstance(target, Path):
            shutil.copyfile(path, target)
        else:
            system, remote = target
            system.put_file(str(path), remote)


def write(location: str, content: bytes) -> None:
    """Write a small file, in the same way.

    Raises:
        SinkError: it cannot be written.
    """
    with _write_to(location) as target:
        if isinstance(target, Path):
            target.write_bytes(content)
        else:
            system, remote = target
            system.pipe_file(remote, content)


def read(location: str) -> bytes | None:
    """Return a small file's content, None where there is no such file.

    Raises:
        SourceOpenError: it is there, and cannot be read.
    """
    try:
        if not is_url(location):
            return Path(location).read_bytes()
        with _use_filesystem(location) as (system, remote):
            content: bytes = system.cat_file(remote)
            return content
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _make_unreachable_error("read", location, exc) from exc


def move(location: str, other: str) -> None:
    """Give a file another name in its folder.

    Raises:
        SinkError: it cannot be moved.
    """
    try:
        if not is_url(location):
            os.rename(location, other)
            return
        with _use_filesystem(location) as (system, path):
            system.mv(path, _open_filesystem(other)[1])
    except OSError as exc:
        why = exc.strerror or exc
        raise SinkError(f"cannot move {location}: {why}", hint="move it by hand") from exc


def remove(folder: str) -> None:
    """Remove a folder with all that is in it; none is fine.

    Raises:
        SourceOpenError: it is at an address, and cannot be removed.
    """
    if not is_url(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with _use_filesystem(folder) as (system, path):
        system.invalidate_cache(path)  # other machines may have filled it
        if system.exists(path):
            system.rm(path, True)


def check_filesystems(locations: Sequence[str]) -> None:
    """Find out at once whether the file systems of `locations` can be used from here.

    Raises:
        MissingDependencyError: fsspec, or the package for a protocol, is not installed.
    """
    for location in locations:
        if is_url(location):
            _open_filesystem(location)


def _open_filesystem(location: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    protocol = location.partition("://")[0]
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(location)
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
def _use_filesystem(location: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of an address, and the path in it; its errors become ours."""
    system, path = _open_filesystem(location)
    try:
        yield system, path
    except (RimlightError, FileNotFoundError):
        raise
    except Exception as exc:  # each system has errors of its own, and most are no OSErrors
        raise _make_unreachable_error("reach", location, exc) from exc


@contextmanager
def _write_to(location: str) -> Iterator[Path | tuple[Any, str]]:
    """Yield where to write: a path that takes the name `location` at the end, or a filesystem."""
    try:
        if is_url(location):
            with _write_to_url(location) as far:
                yield far
            return
        target = Path(location)
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
        raise SinkError(
            f"cannot write {location}: {why}", hint="check its rights and room"
        ) from exc


@contextmanager
def _write_to_url(location: str) -> Iterator[tuple[Any, str]]:
    """Yield a file system and where to write in it.

    A new file gets its name at the end. One that is there is written over: not every system would
    give its name to another.
    """
    system, remote = _open_filesystem(location)
    protocol = location.partition("://")[0]
    if protocol not in _WITHOUT_FOLDERS:
        system.makedirs(get_parent(remote), exist_ok=True)
    if protocol not in _GROWING or system.exists(remote):
        yield system, remote
        return
    part = f"{get_parent(remote)}/.{secrets.token_hex(6)}.part"
    try:
        yield system, part
        system.mv(part, remote)
    except BaseException:
        with suppress(Exception):  # what went wrong is told already
            system.rm_file(part)
        raise


def _make_unreachable_error(what: str, location: str, exc: Exception) -> SourceOpenError:
    why = getattr(exc, "strerror", None) or exc
    hint = "check its spelling, your rights and the net"
    return SourceOpenError(f"cannot {what} {location}: {why}", hint=hint)
