"""The page that lists the result of every file of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rimlight.batch.manifest import Entry
from rimlight.reporting.pages import file_href, render_page
from rimlight.system.atomic_io import write_text

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
