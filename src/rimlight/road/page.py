"""A drive as one HTML page that needs nothing beside it but the video."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rimlight.core.interchange import to_json
from rimlight.imaging.palette import UNPAINTED, class_colors
from rimlight.road.places import Clip, Journey
from rimlight.road.record import UNSURE_FROM, DriveRecorder
from rimlight.road.rules import Event
from rimlight.system.atomic_io import GENERATOR

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT = Path(__file__).with_name("page.js")

_LINES = (
    ("drivable", "Drivable share of the path ahead", 1.0),
    ("marks", "Lane marks, as a share of road and marks", 0.0),
    ("path.person", "People in the path ahead", 0.0),
    ("count.car", "Cars", 0.0),
    ("count.person", "People", 0.0),
    ("unsure", "How unsure the model is (mean entropy)", 0.5),
)
_VIDEO = "<video controls preload=metadata></video><p id=unplayable class=warn hidden></p>"
_VISIBLE = 0.005
"""A class with a smaller share than this in every second is left out of the picture."""


def page(
    recorder: DriveRecorder,
    journey: Journey,
    *,
    title: str,
    videos: Sequence[Clip] = (),
    palette: Mapping[str, str] | None = None,
) -> str:
    """Return the report of a drive as HTML.

    Args:
        recorder: closed; the page will lie in its folder, and names videos relative to that.
        journey: where the drive went, and in which files.
        title: what to call the drive.
        videos: what plays above the time line, one after the other.
        palette: colors of classes, where the usual ones won't do.
    """
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        verdict(recorder),
        _VIDEO if videos else "",
        _timeline(recorder, palette or {}),
        _way(recorder, journey),
        _events(recorder, journey),
        _files(journey),
    ]
    data = recorder.data() | {
        "videos": [[_address(clip.path, recorder.folder), clip.start_s] for clip in videos],
        "way": [journey.place(second) for second in recorder.seconds] if journey.track else [],
    }
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"{GENERATOR}"
        f"<title>{html.escape(title)}</title><style>{_STYLE.read_text()}</style>{''.join(parts)}"
        f"<script id=data type=application/json>{_as_json(data)}</script>"
        f"<script>{_SCRIPT.read_text()}</script></html>"
    )


def verdict(recorder: DriveRecorder) -> str:
    """Say in HTML how far the figures can be trusted."""
    total, unsure = len(recorder.seconds), recorder.unsure_seconds
    text = f"<p>{recorder.frames} frames in {total} seconds.</p>"
    if unsure is None:
        text += "<p><small>The model gives labels only: it does not say how sure it is.</small></p>"
    elif unsure:
        text += (
            f"<p class=warn><b>Not sure in {unsure} of {total} seconds:</b> night, rain or glare "
            f"(mean entropy above {UNSURE_FROM}). What is painted and counted there is not to be "
            "trusted; the plots are shaded where it is so.</p>"
        )
    else:
        text += "<p><small>In no second was the model unsure (mean entropy).</small></p>"
    if recorder.left_out:
        names = html.escape(", ".join(recorder.left_out))
        text += f"<p><small>Not looked for, as the model cannot tell: {names}.</small></p>"
    return text


def _address(video: Path, folder: Path) -> str:
    place = os.path.relpath(video.resolve(), folder.resolve()).replace(os.sep, "/")
    return quote(place, errors="surrogateescape")


def _as_json(data: Any) -> str:
    return to_json(data).replace("<", "\\u003c")


def _timeline(recorder: DriveRecorder, palette: Mapping[str, str]) -> str:
    said = {name: color for name, color in palette.items() if name in recorder.classes}
    colors = class_colors(recorder.classes, said)
    shown = [
        (name, f"#{red:02x}{green:02x}{blue:02x}")
        for name, (blue, green, red) in zip(recorder.classes, colors, strict=True)
        if name not in UNPAINTED and max(recorder.series.get(f"share.{name}", [0.0])) >= _VISIBLE
    ]
    key = "".join(f"<span><i style='background:{c}'></i>{html.escape(n)}</span>" for n, c in shown)
    stack = html.escape(to_json(shown))
    lines = "".join(_line(recorder, *line) for line in _LINES if line[0] in recorder.series)
    return (
        "<div class=band><canvas id=events></canvas><i id=now></i></div><canvas id=axis></canvas>"
        f'<h2>Share of the picture</h2><canvas data-stack="{stack}"></canvas>'
        f"<p class=key>{key}</p>{lines}"
    )


def _line(recorder: DriveRecorder, name: str, label: str, top: float) -> str:
    if not top and not any(recorder.series[name]):
        return f"<h2>{label}</h2><p><small>none</small></p>"
    return f"<h2>{label}</h2><canvas data-line='{name}' data-top='{top or ''}'></canvas>"


def _way(recorder: DriveRecorder, journey: Journey) -> str:
    if journey.track is None:
        return ""
    known = sum(journey.place(second) is not None for second in recorder.seconds)
    return (
        f"<h2>Way</h2><canvas id=way></canvas><p><small>Known in {known} of "
        f"{len(recorder.seconds)} seconds; north is up. A dot is an event.</small></p>"
    )


def _events(recorder: DriveRecorder, journey: Journey) -> str:
    cards = [
        f"<button data-at='{event.start_s:.3f}'>"
        + (f"<img alt='' src='data:image/jpeg;base64,{picture}'>" if picture else "")
        + f"<p><b>{html.escape(event.name)}</b><br>{_when(event)}{_where(event, journey)}</p>"
        "</button>"
        for event, picture in sorted(recorder.events, key=lambda item: item[0].start_s)
    ]
    return f"<h2>Events ({len(cards)})</h2><div class=events>{''.join(cards)}</div>"


def _when(event: Event) -> str:
    peak = f"peak {event.peak:.3g} at {clock(event.peak_s)}"
    return f"{clock(event.start_s)} to {clock(event.end_s)}, {peak}"


def _where(event: Event, journey: Journey) -> str:
    known = journey.about(event.peak_s)
    text = ""
    if len(journey.clips) > 1 and "file" in known:
        text += f"<br>{html.escape(known['file'])} at {clock(known['file_s'])}"
    if "north" in known:
        text += f"<br>{known['north']:.5f}, {known['east']:.5f}"
    return text


def _files(journey: Journey) -> str:
    if len(journey.clips) < 2:
        return ""
    rows = "".join(
        f"<tr><td>{clock(clip.start_s)}<td>{html.escape(clip.path.name)}"
        f"<td>{f'{clip.recorded:%Y-%m-%d %H:%M:%S} UTC' if clip.recorded else ''}"
        f"<td>{_gap(clip)}"
        for clip in journey.clips
    )
    return (
        "<h2>Files</h2><table><tr><th>from<th>file<th>recorded<th>gap before it, or overlap"
        f"{rows}</table>"
    )


def _gap(clip: Clip) -> str:
    if not clip.gap_s:
        return ""
    return f"{clip.gap_s:g} s" if clip.gap_s > 0 else f"overlaps by {-clip.gap_s:g} s"


def clock(at_s: float) -> str:
    """Return a moment of the drive as people say it: 1:05.2, or 1:02:05.2."""
    minutes, seconds = divmod(round(at_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{minutes:02}" if hours else str(minutes)
    return (f"{hours}:" if hours else "") + f"{text}:{seconds:04.1f}"
