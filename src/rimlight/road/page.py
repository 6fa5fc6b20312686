"""A drive as one HTML page that needs nothing beside it but the video."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from urllib.parse import quote

from rimlight.errors import SinkError
from rimlight.imaging.palette import UNPAINTED, class_colours
from rimlight.road.record import UNSURE_FROM, DriveRecorder

_STYLE = Path(__file__).with_name("page.css")

_SCRIPT = Path(__file__).with_name("page.js")

_LINES = (
    ("drivable", "Drivable share of the path ahead", 1.0),
    ("marks", "Lane marks, as a share of road and marks", 0.0),
    ("path.person", "People in the path ahead", 0.0),
    ("count.car", "Cars", 0.0),
    ("count.person", "People", 0.0),
    ("unsure", "How unsure the model is (mean entropy)", 1.0),
)


def write_page(recorder: DriveRecorder, path: Path, *, title: str, video: Path | None) -> None:
    """Write the report of a drive.

    Args:
        recorder: closed.
        path: the page.
        title: what to call the drive.
        video: what to show above the time line; named relative to the page. None for none.

    Raises:
        SinkError: the file cannot be written.
    """
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _verdict(recorder),
        _video(video, path.parent),
        _timeline(recorder),
        _events(recorder),
    ]
    data = json.dumps(recorder.data()).replace("<", "\\u003c")
    text = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{html.escape(title)}</title><style>{_STYLE.read_text()}</style>{''.join(parts)}"
        f"<script id=data type=application/json>{data}</script>"
        f"<script>{_SCRIPT.read_text()}</script></html>"
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise SinkError(f"cannot write {path}: {exc.strerror}") from exc


def _verdict(recorder: DriveRecorder) -> str:
    """Say how far the figures can be trusted."""
    total, unsure = len(recorder.seconds), recorder.data()["unsure_seconds"]
    text = f"<p>{recorder.frames} frames in {total} seconds.</p>"
    if unsure is None:
        text += "<p><small>The model gives labels only: it does not say how sure it is.</small></p>"
    elif unsure:
        text += (
            f"<p class=warn>The model was unsure in {unsure} of {total} seconds (mean entropy "
            f"above {UNSURE_FROM}): night, rain or glare. Its figures there are not to be trusted."
            "</p>"
        )
    if recorder.left_out:
        names = html.escape(", ".join(recorder.left_out))
        text += f"<p><small>Not looked for, as the model cannot tell: {names}.</small></p>"
    return text


def _video(video: Path | None, folder: Path) -> str:
    if video is None:
        return ""
    source = quote(os.path.relpath(video.resolve(), folder.resolve()).replace(os.sep, "/"))
    return f"<video controls preload=metadata src='{source}'></video>"


def _timeline(recorder: DriveRecorder) -> str:
    colours = class_colours(recorder.classes, {})
    shown = [
        (name, f"#{red:02x}{green:02x}{blue:02x}")
        for name, (blue, green, red) in zip(recorder.classes, colours, strict=True)
        if name not in UNPAINTED and max(recorder.series.get(f"share.{name}", [0.0])) >= 0.005
    ]
    key = "".join(f"<span><i style='background:{c}'></i>{html.escape(n)}</span>" for n, c in shown)
    stack = html.escape(json.dumps(shown))
    lines = "".join(
        f"<h2>{label}</h2><canvas data-line='{name}' data-top='{top or ''}'></canvas>"
        for name, label, top in _LINES
        if name in recorder.series
    )
    return (
        "<div style='position:relative'><canvas id=events></canvas><i id=now style='position:"
        "absolute;top:0;bottom:0;width:2px;background:#000'></i></div>"
        f'<h2>Share of the picture</h2><canvas data-stack="{stack}"></canvas>'
        f"<p class=key>{key}</p>{lines}"
    )


def _events(recorder: DriveRecorder) -> str:
    cards = [
        f"<button data-at='{event.start_s:.3f}'>"
        + (f"<img alt='' src='data:image/jpeg;base64,{picture}'>" if picture else "")
        + f"<p><b>{html.escape(event.name)}</b><br>{event.start_s:.1f} s to {event.end_s:.1f} s, "
        f"peak {event.peak:.3g} at {event.peak_s:.1f} s</p></button>"
        for event, picture in sorted(recorder.events, key=lambda item: item[0].start_s)
    ]
    return f"<h2>Events ({len(cards)})</h2><div class=events>{''.join(cards)}</div>"
