"""The parts of a run that wait next to its result, signed by the run that made them.

Others may be able to write there. So every list of files is signed with a secret that never lies
there, and nothing is replaced but what the run itself stored.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rimlight.batch import storage
from rimlight.core.errors import RimlightError, SinkError
from rimlight.sinks.video.segment_index import Segment, parse_segments
from rimlight.system import app_paths
from rimlight.system.fingerprints import compute_sha256

if TYPE_CHECKING:
    from rimlight.batch.chunks import Chunk

_SECRET_BYTES = 32
_LIST_NAME = "stored.json"

_Listed = dict[str, list[list[Any]]]
"""Name below the result's address -> size and SHA-256 of each file that a try meant to store there.

The address itself may hold a password, and others may read the list.
"""


@dataclass(frozen=True, slots=True)
class Staging:
    """Where the chunks of one run wait to be joined, and what proves that they are its own.

    Attributes:
        location: a folder that all workers can reach. Others may be able to write to it.
        key: a secret of the run, never stored at `location`, that signs lists of segments.
        suffix: of the video, and so of every segment.
    """

    location: str
    key: bytes
    suffix: str

    def read_segments(self, chunk: Chunk) -> list[Segment] | None:
        """Return the segments of a chunk that is whole, None where it must be made.

        Only a list that a worker of this very run signed is believed, and only while files of the
        sizes that it names are there.
        """
        content = storage.read(self._locate_list(chunk))
        segments = None if content is None else self._verify(content, chunk)
        if segments is None or not all(self._is_there(segment) for segment in segments):
            return None
        return segments

    def store_segments(self, chunk: Chunk, segments: Sequence[Segment], folder: Path) -> None:
        """Store the segments of a chunk, whose files lie in `folder`, and then their list.

        Raises:
            SinkError: they cannot be stored.
        """
        for segment in segments:
            storage.store(folder / segment.name, self._locate_segment(segment))
        listed = [asdict(segment) for segment in segments]
        sealed = {"segments": listed, "seal": self._seal(chunk, listed)}
        storage.write(self._locate_list(chunk), json.dumps(sealed).encode())

    def fetch(self, segment: Segment, file: Path) -> bool:
        """Copy a segment to `file`; return False where it is not what was stored.

        Raises:
            SourceOpenError: it is not there.
        """
        storage.fetch(self._locate_segment(segment), file)
        return segment.is_intact_in(file)

    def _verify(self, content: bytes, chunk: Chunk) -> list[Segment] | None:
        try:
            data = json.loads(content)
            if not hmac.compare_digest(str(data["seal"]), self._seal(chunk, data["segments"])):
                return None
            return list(parse_segments(data["segments"], self.suffix))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def _seal(self, chunk: Chunk, listed: Any) -> str:
        sealed = json.dumps([self.location, chunk.number, listed], sort_keys=True)
        return hmac.new(self.key, sealed.encode(), hashlib.sha256).hexdigest()

    def _is_there(self, segment: Segment) -> bool:
        try:
            return bool(storage.read_facts(self._locate_segment(segment))[1] == segment.size)
        except (OSError, RimlightError):
            return False

    def _locate_segment(self, segment: Segment) -> str:
        return storage.join(self.location, segment.name)

    def _locate_list(self, chunk: Chunk) -> str:
        return storage.join(self.location, f"chunk-{chunk.number:06d}.json")


def upload_result(made: Path, location: str, staging: Staging, *, overwrite: bool) -> None:
    """Store a result, a file or a folder of files, at an address.

    Before the first file is stored, a list of all is kept in `staging`: then another try of the
    same run, after a node died, knows whose files lie there. It leaves them as they are.

    Args:
        made: the result on this machine.
        location: the address that it gets.
        staging: of this run.
        overwrite: replace files that others stored.

    Raises:
        SinkError: a file of somebody else lies there, or it cannot be stored.
    """
    files = _list_result_files(made)
    if not overwrite:
        known = _read_listed(staging)
        files = {
            name: path
            for name, path in files.items()
            if not _is_there(_locate_file(name, location), known.get(name, []))
        }
        _store_listed(staging, known, files)
    for name, path in files.items():
        storage.store(path, _locate_file(name, location))


def _list_result_files(made: Path) -> dict[str, Path]:
    """Return the files of a result by their names below it; a single one has the name ""."""
    if not made.is_dir():
        return {"": made}
    found = (path for path in sorted(made.rglob("*")) if path.is_file())
    return {path.relative_to(made).as_posix(): path for path in found}


def _locate_file(name: str, location: str) -> str:
    return storage.join(location, name) if name else location


def _is_there(location: str, listed: list[list[Any]]) -> bool:
    """Return True if a file that is `listed` lies at `location`, False if none at all does.

    Raises:
        SinkError: another file lies there.
    """
    size = storage.read_current_size(location)
    if size is None:
        return False
    if any(size == known for known, _ in listed) and [size, _compute_digest(location)] in listed:
        return True
    raise SinkError(f"{location} exists", hint="move it, or set overwrite=true, and repeat")


def _compute_digest(location: str) -> str:
    with TemporaryDirectory(prefix="rimlight-") as folder:
        copy = Path(folder, "copy")
        storage.fetch(location, copy)
        return compute_sha256(copy)


def _read_listed(staging: Staging) -> _Listed:
    """Return the list of this very run; one that somebody else wrote gives no rights."""
    content = storage.read(storage.join(staging.location, _LIST_NAME))
    try:
        data: Any = json.loads(content or b"{}")
        listed: _Listed = data["stored"]
        return listed if hmac.compare_digest(data["seal"], _seal_listed(staging, listed)) else {}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _store_listed(staging: Staging, known: _Listed, files: dict[str, Path]) -> None:
    """Write down, before it happens, that `files` are stored."""
    facts = {name: [path.stat().st_size, compute_sha256(path)] for name, path in files.items()}
    listed = {**known, **{name: [*known.get(name, []), facts[name]] for name in facts}}
    sealed = {"stored": listed, "seal": _seal_listed(staging, listed)}
    storage.write(storage.join(staging.location, _LIST_NAME), json.dumps(sealed).encode())


def _seal_listed(staging: Staging, listed: _Listed) -> str:
    sealed = json.dumps(["stored", staging.location, listed], sort_keys=True)
    return hmac.new(staging.key, sealed.encode(), hashlib.sha256).hexdigest()


@cache
def get_secret() -> bytes:
    """Return the secret; it is kept for later runs, so that these know the chunks of this one.

    Where it cannot be kept, or others can read or write it, this process has one of its own.
    """
    path = app_paths.get_cache_folder() / "batch" / "secret"
    try:
        return _read_secret(path) if os.path.lexists(path) else _create_secret(path)
    except OSError:
        return secrets.token_bytes(_SECRET_BYTES)


def _read_secret(path: Path) -> bytes:
    """Read the secret.

    Raises:
        OSError: it is not a plain file of this user's alone.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_own = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        content = file.read(_SECRET_BYTES + 1) if is_own and stat.S_ISREG(status.st_mode) else b""
    if len(content) != _SECRET_BYTES:
        raise PermissionError(f"{path} is not a secret of this user's")
    return content


def _create_secret(path: Path) -> bytes:
    """Make the secret, unless another process is faster.

    Raises:
        OSError: it cannot be kept.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"secret.{secrets.token_hex(6)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without hard links
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return _read_secret(path)
