"""A page that shows what became of every file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from rimlight.batch.manifest import Entry

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .4rem .8rem; text-align: left }
tr { border-bottom: 1px solid #ddd } img { max-width: 160px; max-height: 120px; display: block }
.failed td { background: #fdecea } .number { text-align: right }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #1c1c1c } tr { border-color: #444 }
  a { color: #8ab4f8 } .failed td { background: #5c1f1b }
}
"""


def write_summary(entries: Sequence[Entry], path: Path) -> None:
    """Write one HTML page with a row for each of `entries`, the failed ones first.

    Raises:
        OSError: `path` cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: (entry.state == "done", entry.source))
    failed = sum(entry.state == "failed" for entry in entries)
    rows = "\n".join(_row(entry, path.parent) for entry in ordered)
    path.write_text(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>rimlight batch</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{len(entries) - failed} of {len(entries)} done{f", {failed} failed" if failed else ""}</h1>
<table><tr><th></th><th>file</th><th>frames</th><th>seconds</th><th>result</th></tr>
{rows}
</table></body></html>
""",
        encoding="utf-8",
    )


def _row(entry: Entry, folder: Path) -> str:
    picture = ""
    if entry.thumbnail:
        picture = f'<img src="{quote(entry.thumbnail)}" alt="" loading="lazy">'
    return (
        f'<tr class="{entry.state}"><td>{picture}</td><td>{escape(entry.source)}</td>'
        f'<td class="number">{entry.frames}</td><td class="number">{entry.elapsed_s:.1f}</td>'
        f"<td>{_result(entry, folder)}</td></tr>"
    )


def _result(entry: Entry, folder: Path) -> str:
    if entry.state == "failed":
        return escape(entry.error) + (f"<br><small>{escape(entry.hint)}</small>" * bool(entry.hint))
    target = Path(entry.target)
    place = target.relative_to(folder) if target.is_relative_to(folder) else target
    return f'<a href="{quote(place.as_posix())}">{escape(place.as_posix())}</a>'
