"""Where the manifest and the summary of a batch are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rimlight.batch import storage
from rimlight.batch.manifest import MANIFEST
from rimlight.system import app_paths


def report_folder(out: str) -> Path:
    """Return the folder for the record: that of the results, or one here where that is far away.

    A manifest is a file that lines are added to, which object stores do not have; so it is written
    on this machine, and goes to the results with `publish`.
    """
    if not storage.is_url(out):
        return Path(out)
    name = hashlib.sha256(out.rstrip("/").encode()).hexdigest()[:16]
    return app_paths.get_cache_folder() / "batch" / name


def fetch_manifest(out: str) -> Path:
    """Return the folder for the record, with the manifest that lies at the results, if any.

    Raises:
        SourceOpenError: the place of the results cannot be reached.
    """
    folder = report_folder(out)
    if storage.is_url(out):
        far = storage.read(storage.below(out, MANIFEST))
        near = storage.read(str(folder / MANIFEST))
        if far is not None and len(far) > len(near or b""):
            storage.write(str(folder / MANIFEST), far)
    return folder


def check_writable(folder: Path, out: str) -> None:
    """Find out before any work, not after hours of it, whether results can be stored far away.

    Raises:
        SinkError: they cannot.
    """
    if storage.is_url(out):
        near = storage.read(str(folder / MANIFEST))
        storage.write(storage.below(out, MANIFEST), near or b"")


def upload_report(folder: Path, out: str) -> str:
    """Put the record beside the results, where it is not there already; return the page's place.

    Raises:
        SinkError: it cannot be written.
    """
    if storage.is_url(out):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                storage.store(path, storage.below(out, path.relative_to(folder).as_posix()))
    return storage.below(out, "summary.html")
