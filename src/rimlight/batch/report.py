"""The record of a batch at its results: manifest, and a page with every file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rimlight.batch import storage
from rimlight.batch.manifest import MANIFEST, Entry
from rimlight.reporting.pages import file_href, render_page
from rimlight.system import app_paths
from rimlight.system.atomic_io import write_text


def get_report_folder(out: str) -> Path:
    """Return the folder of the record: that of the results, or a local one for a URL.

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
        SourceOpenError: the location of the results cannot be reached.
    """
    folder = get_report_folder(out)
    if storage.is_url(out):
        far = storage.read(storage.join(out, MANIFEST))
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
        storage.write(storage.join(out, MANIFEST), near or b"")


def upload_report(folder: Path, out: str) -> str:
    """Upload the record to the results if it is not there already; return the page's location.

    Raises:
        SinkError: it cannot be written.
    """
    if storage.is_url(out):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                storage.store(path, storage.join(out, path.relative_to(folder).as_posix()))
    return storage.join(out, "summary.html")


_TEMPLATE = Path(__file__).with_name("summary.html")


def write_summary(entries: Sequence[Entry], path: Path, *, out: str) -> None:
    """Write an HTML page with a row for each of `entries`, failed ones first.

    Args:
        entries: the results.
        path: the page.
        out: the folder of the results; links are relative to it.

    Raises:
        SinkError: `path` cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: (entry.state == "done", entry.source))
    failed = sum(entry.state == "failed" for entry in entries)
    title = f"{len(entries) - failed} of {len(entries)} done{f', {failed} failed' * bool(failed)}"
    page = render_page(
        _TEMPLATE,
        title=f"rimlight batch: {title}",
        frames=sum(entry.frames for entry in entries),
        elapsed=_format_duration(sum(entry.elapsed_s for entry in entries)),
        rows=[_make_row(entry, out.rstrip("/")) for entry in ordered],
    )
    write_text(path, page)


def _make_row(entry: Entry, out: str) -> tuple[Entry, str, str, str, str]:
    """Return the entry, and its name, link, time and speed as texts."""
    name, href = Path(entry.source).name, ""
    if entry.state == "done":
        name = entry.target.removeprefix(f"{out}/")
        href = file_href(name)
    time = _format_duration(entry.elapsed_s) if entry.elapsed_s else ""
    speed = f"{entry.frames / entry.elapsed_s:.0f}" if entry.frames and entry.elapsed_s else ""
    return entry, name, href, time, speed


def _format_duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
