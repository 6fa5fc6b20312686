"""A job made ready to leave this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from rimlight import __version__
from rimlight.batch import storage
from rimlight.batch.chunks import Staging
from rimlight.batch.ray_tasks import Files, RemoteJob
from rimlight.system import app_paths
from rimlight.system.atomic_io import make_hidden_name

_BYTES = 32


def make_remote_job(
    run: Mapping[str, Any], *, threads: int, piece_s: Fraction, made_of: Sequence[Any] = ()
) -> RemoteJob:
    """Return what a worker needs to know.

    Args:
        run: a RunConfig as data, with paths as the user gave them.
        threads: what a task may use.
        piece_s: about how long a piece is.
        made_of: what tells the files that the run names, such as its model, from others.
    """
    rooted: dict[str, Any] = {key: _rooted(value) for key, value in run.items()}
    source, (sink, *more) = rooted["source"], rooted["sinks"]
    rooted["source"] = {**source, "path": _from_root(source["path"])}
    changed = {key: _from_root(sink[key]) for key in ("path", "record") if sink.get(key)}
    rooted["sinks"] = [{**sink, **changed}, *more]
    return RemoteJob(rooted, threads, _staging(rooted, made_of), piece_s)


def files_named_by(runs: Iterable[Mapping[str, Any]]) -> Files:
    """Return the files that the effects of `runs` name, such as backgrounds, with their content."""
    named = {value for run in runs for effect in run["effects"] for value in effect.values()}
    paths = {_rooted(value) for value in named if _is_file(value)}
    return {path: Path(path).read_bytes() for path in sorted(paths)}


def _staging(run: Mapping[str, Any], made_of: Sequence[Any]) -> Staging:
    """Return a folder next to the result whose name says how it is made, and of what."""
    source, sink = run["source"]["path"], run["sinks"][0]
    target = sink["path"].rstrip("/")
    try:
        facts = storage.facts(source)
    except OSError:  # the worker will say so
        facts = []
    asked = {**run, "sinks": [{**sink, "overwrite": None}, *run["sinks"][1:]]}
    made = json.dumps([__version__, asked, facts, made_of], sort_keys=True)
    name = hashlib.sha256(made.encode()).hexdigest()[:32]
    # Next to a bucket nothing can lie, only in it.
    top = target if storage.is_bucket(target) else storage.parent(target)
    place = storage.below(top, _hidden(target), name)
    key = hmac.new(secret(), place.encode(errors="surrogateescape"), hashlib.sha256).digest()
    return Staging(place, key, PurePosixPath(target).suffix)


def _hidden(target: str) -> str:
    if storage.is_url(target):
        return f".{PurePosixPath(target).name}.pieces"
    return make_hidden_name(Path(target), ".pieces")


def _from_root(place: str) -> str:
    return place if storage.is_url(place) else _absolute(place)


def _absolute(place: str) -> str:
    # A slash at the end says that a folder is meant; pathlib drops it.
    return str(Path(os.path.expanduser(place)).absolute()) + "/" * place.endswith("/")


def _rooted(value: Any) -> Any:
    """Return `value` with every path of a file in it counted from the root."""
    if isinstance(value, dict):
        return {key: _rooted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rooted(item) for item in value]
    return _absolute(value) if _is_file(value) else value


def _is_file(value: Any) -> bool:
    is_text = isinstance(value, str) and 0 < len(value) <= 4096
    return is_text and os.path.isfile(os.path.expanduser(value))


@cache
def secret() -> bytes:
    """Return the secret; it is kept for later runs, so that these know the pieces of this one.

    Where it cannot be kept, or others can read or write it, this process has one of its own.
    """
    path = app_paths.get_cache_folder() / "batch" / "secret"
    try:
        return _read(path) if os.path.lexists(path) else _made(path)
    except OSError:
        return secrets.token_bytes(_BYTES)


def _read(path: Path) -> bytes:
    """Read the secret.

    Raises:
        OSError: it is not a plain file of this user's alone.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_own = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        content = file.read(_BYTES + 1) if is_own and stat.S_ISREG(status.st_mode) else b""
    if len(content) != _BYTES:
        raise PermissionError(f"{path} is not a secret of this user's")
    return content


def _made(path: Path) -> bytes:
    """Make the secret, unless another process is faster.

    Raises:
        OSError: it cannot be kept.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"secret.{secrets.token_hex(6)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without hard links
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return _read(path)
