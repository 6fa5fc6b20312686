"""A page that shows what became of every file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from rimlight.batch.manifest import Entry
from rimlight.system.atomic_io import GENERATOR, write_text

_STYLE = """
:root { color-scheme: light dark; --line: #d8dce2; --soft: #667; --bad: #fdecea; --ink: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --line: #3b3f46; --soft: #9aa0a8; --bad: #3a1d1b; --ink: #f2b8b5 }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } .facts { color: var(--soft); margin: .2rem 0 1.5rem }
table { border-collapse: collapse; width: 100% }
th { font-weight: 600; font-size: .85rem; color: var(--soft) }
td, th { padding: .5rem .8rem; text-align: left; border-bottom: 1px solid var(--line) }
td:first-child { width: 128px }
.shot { width: 128px; height: 84px; border-radius: 6px; object-fit: contain; display: block;
  background: #8882 }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.failed td { background: var(--bad) }
.why { color: var(--ink) } .hint, .place { color: var(--soft); font-size: .85rem }
.name { font-weight: 600; overflow-wrap: anywhere } .place { overflow-wrap: anywhere }
"""


def write_summary(entries: Sequence[Entry], path: Path, *, out: str) -> None:
    """Write one HTML page with a row for each of `entries`, the failed ones first.

    Args:
        entries: what is known.
        path: the page.
        out: the folder of the results; links are relative to it.

    Raises:
        SinkError: `path` cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: (entry.state == "done", entry.source))
    failed = sum(entry.state == "failed" for entry in entries)
    rows = "\n".join(_row(entry, out.rstrip("/")) for entry in ordered)
    title = f"{len(entries) - failed} of {len(entries)} done{f', {failed} failed' * bool(failed)}"
    write_text(
        path,
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{GENERATOR}<title>{title} - rimlight batch</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p class="facts">{_facts(entries)}</p>
<table><tr><th></th><th>file</th><th class="number">frames</th><th class="number">time</th>
<th class="number">a second</th></tr>
{rows}
</table></body></html>
""",
    )


def _facts(entries: Sequence[Entry]) -> str:
    frames = sum(entry.frames for entry in entries)
    elapsed_s = sum(entry.elapsed_s for entry in entries)
    return f"{frames:,} frames in {_clock(elapsed_s)} of work"


def _row(entry: Entry, out: str) -> str:
    picture = '<div class="shot"></div>'
    if entry.thumbnail:
        picture = f'<img class="shot" src="{quote(entry.thumbnail)}" alt="" loading="lazy">'
    speed = f"{entry.frames / entry.elapsed_s:.0f}" if entry.frames and entry.elapsed_s else ""
    time = _clock(entry.elapsed_s) if entry.elapsed_s else ""
    return (
        f'<tr class="{entry.state}"><td>{picture}</td><td>{_result(entry, out)}</td>'
        f'<td class="number">{entry.frames:,}</td><td class="number">{time}</td>'
        f'<td class="number">{speed}</td></tr>'
    )


def _result(entry: Entry, out: str) -> str:
    source = f'<div class="place">{escape(entry.source)}</div>'
    if entry.state == "failed":
        hint = f'<div class="hint">{escape(entry.hint)}</div>' if entry.hint else ""
        name = escape(Path(entry.source).name)
        why = f'<div class="why">{escape(entry.error)}</div>{hint}'
        return f'<div class="name">{name}</div>{source}{why}'
    place = entry.target.removeprefix(f"{out}/")
    return f'<a class="name" href="{_address(place)}">{escape(place)}</a>{source}'


def _address(place: str) -> str:
    """Return a link to a result; a name such as javascript:x.mp4 is a name, and no protocol."""
    if "://" in place:
        return escape(quote(place, safe="/:%?&=+,;@~", errors="surrogateescape"))
    return quote(place if place.startswith("/") else f"./{place}", errors="surrogateescape")


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
