"""Fingerprints of files, to detect changes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

_END_BYTES = 1 << 16
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 12


def compute_fingerprint(path: Path) -> list[Any]:
    """Return the size and a hash of start, end and 64 samples between them.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_END_BYTES))
        step = (size - 2 * _END_BYTES) // _SAMPLES
        for number in range(_SAMPLES if step > 0 else 0):
            file.seek(_END_BYTES + number * step)
            digest.update(file.read(_SAMPLE_BYTES if step > _SAMPLE_BYTES else step))
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return [size, digest.hexdigest()]


def compute_identity(path: Path) -> list[Any]:
    """Return modification time and content fingerprint, which identify a file.

    For a folder: names, sizes and times of the files directly in it. Anything else, such as a
    pipe, is not read.

    Raises:
        OSError: it cannot be read.
    """
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        return [status.st_mtime_ns, *compute_fingerprint(path)]
    if not stat.S_ISDIR(status.st_mode):
        return ["not a file"]
    with os.scandir(path) as entries:
        files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    return sorted([os.fsencode(name).hex(), s.st_size, s.st_mtime_ns] for name, s in files)


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
