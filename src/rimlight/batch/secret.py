"""A secret of this user's, with which pieces are signed that wait where others can write."""

from __future__ import annotations

import os
import secrets
import stat
from functools import cache
from pathlib import Path

from rimlight.system import app_paths

_BYTES = 32


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
