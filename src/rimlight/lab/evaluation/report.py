"""Writes an evaluation as JSON, and as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.interchange import to_json
from rimlight.lab.evaluation.plots import bars, heatmap, lines
from rimlight.lab.evaluation.results import Evaluation, Measure, Result
from rimlight.system.atomic_io import GENERATOR, MADE_BY, write_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #66707a; --paper: #fbfbfa;
  --line: #dcdfe2; --good: #0a7a3f; --c0: #2f6fde; --c1: #d9622b; --c2: #2a9d5c; --c3: #9a4fd0;
  --c4: #b8891b; --c5: #c23b6b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #98a2ac; --paper: #15181b;
  --line: #333a40; --good: #5fd08f; --c0: #7aa7ff; --c1: #ff9a66; --c2: #62d394; --c3: #c690f5;
  --c4: #e3bb55; --c5: #f07fa6; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } .best { color: var(--good); font-weight: 600; }
.note { color: var(--soft); } .plots { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: .8rem 0; } figure img { max-width: 100%; height: auto; display: block; }
svg { max-width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--ink); }
svg .title { font-size: 13px; font-weight: 600; } svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; font-size: 10px; } svg .grid { stroke: var(--line); }
svg polyline { fill: none; stroke-width: 1.6; } svg .heat { fill: var(--c0); }
""" + "".join(
    f".s{i} {{ fill: var(--c{i}); }} .l{i} {{ stroke: var(--c{i}); }} "
    f"svg .t{i} {{ fill: var(--c{i}); }}\n"
    for i in range(6)
)


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write all figures to `path`.

    Raises:
        SinkError: the file cannot be written.
    """
    write_text(path, to_json(MADE_BY | evaluation.to_dict(), indent=1, ensure_ascii=False) + "\n")


def write_html(evaluation: Evaluation, path: Path) -> None:
    """Write a page with tables, plots and the worst pictures to `path`.

    Raises:
        SinkError: the file cannot be written.
    """
    write_text(path, to_html(evaluation))


def to_html(evaluation: Evaluation) -> str:
    """Return the page."""
    names = dict.fromkeys(result.data for result in evaluation.results)
    groups = [(name, [r for r in evaluation.results if r.data == name]) for name in names]
    body = [_table(evaluation), _conditions(evaluation)]
    body += [_section(name, results, evaluation.measured) for name, results in groups]
    return page("rimlight eval", "".join(body))


def page(title: str, body: str) -> str:
    """Return a whole HTML page around `body`, in the style of all our reports."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"{GENERATOR}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return BGR uint8 (h, w, 3) `picture` as what an HTML image takes for its source."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def best_of(measure: Measure, results: Iterable[Result]) -> float | None:
    """Return the best value of `measure`; None when none is better than another."""
    known = [v for r in results if (v := r.figures.get(measure.key)) is not None]
    if measure.rising is None or len(set(known)) < 2:
        return None
    return max(known) if measure.rising else min(known)


def _table(evaluation: Evaluation) -> str:
    measures = evaluation.measured
    head = "".join(f"<th>{escape(m.title)}</th>" for m in measures)
    rows = []
    for result in evaluation.results:
        rivals = [r for r in evaluation.results if r.data == result.data]
        cells = "".join(_cell(m, result, rivals) for m in measures)
        rows.append(
            f"<tr><td>{escape(result.data)}</td><td>{escape(result.setup)}</td>{cells}</tr>"
        )
    return (
        '<div class="scroll"><table><thead><tr><th>data</th><th>set-up</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(measure: Measure, result: Result, rivals: list[Result]) -> str:
    value = result.figures.get(measure.key)
    best = value is not None and value == best_of(measure, rivals)
    start = '<td class="best">' if best else "<td>"
    return f"{start}{measure.show(value)}</td>"


def _conditions(evaluation: Evaluation) -> str:
    pairs = ", ".join(f"{key} {value}" for key, value in evaluation.conditions.items())
    return f'<p class="note">{escape(pairs)}. "-": the data cannot tell.</p>'


def _section(name: str, results: list[Result], measures: tuple[Measure, ...]) -> str:
    plots = [
        bars(m.title, {r.setup: r.figures.get(m.key) for r in results}, digits=m.digits)
        for m in measures
        if m.rising is not None and any(r.figures.get(m.key) is not None for r in results)
    ]
    plots += [_curve(key, results) for key in ("iou", "flicker", "accuracy") if _has(key, results)]
    parts = [f"<h2>{escape(name)}</h2>", f'<div class="plots">{"".join(plots)}</div>']
    parts += [_stages(results)]
    parts += [_confusion(result) for result in results if result.classes]
    parts += [_worst(result) for result in results if result.worst]
    return "".join(parts)


def _has(key: str, results: list[Result]) -> bool:
    return any(s.figures.get(key) is not None for r in results for s in r.scores)


def _curve(key: str, results: list[Result]) -> str:
    """Frames of a sequence in their order; single pictures from the worst to the best."""
    in_order = _has("flicker", results)
    series = {}
    for result in results:
        values = [score.figures.get(key) for score in result.scores]
        series[result.setup] = values if in_order else sorted(v for v in values if v is not None)
    across = "frames" if in_order else "pictures, worst first"
    return lines(f"{key} of each picture", series, across=across)


def _stages(results: list[Result]) -> str:
    rows = "".join(
        f"<tr><td>{escape(result.setup)}</td><td>"
        + ", ".join(f"{escape(stage)} {ms:.2f}" for stage, ms in result.stages_ms.items())
        + "</td></tr>"
        for result in results
    )
    return f"<h3>Median milliseconds of each stage</h3><table>{rows}</table>"


def _confusion(result: Result) -> str:
    cells = [[count / max(1, sum(row)) for count in row] for row in result.confusion]
    ious = dict(zip(result.classes, result.class_ious, strict=True))
    picture = heatmap(
        f"{result.setup}: true class (rows) as given (columns), % of the row",
        result.classes,
        (*result.classes, "none of them"),
        cells,
    )
    return f"<figure>{picture}</figure>{bars(f'{result.setup}: IoU of each class', ious)}"


def _worst(result: Result) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(bad.name)}" src="{data_uri(bad.strip)}">'
        f"<figcaption>{escape(bad.name)}: {bad.value:.3f}</figcaption></figure>"
        for bad in result.worst
    )
    return (
        f"<details open><summary>Worst {len(result.worst)} of {escape(result.setup)}: picture, "
        f"truth, given</summary>{figures}</details>"
    )
