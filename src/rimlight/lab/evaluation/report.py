"""An evaluation as JSON, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rimlight.core.interchange import to_json
from rimlight.lab.evaluation.results import Evaluation, Metric, Result
from rimlight.reporting.pages import render_page
from rimlight.reporting.plots import bars, heatmap, lines
from rimlight.system.atomic_io import MADE_BY, write_text

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE = Path(__file__).with_name("report.html")
_CURVES = ("iou", "flicker", "accuracy")


@dataclass(frozen=True, slots=True)
class _Section:
    """What the page shows of one data set.

    Attributes:
        name: of the data set.
        plots: one for each measure, then curves over its images.
        stages: set-up and the time of its stages.
        classes: a confusion matrix and the IoU of each class, of the set-ups that have classes.
        worst: the results that hold their worst images.
    """

    name: str
    plots: tuple[Markup, ...]
    stages: tuple[tuple[str, str], ...]
    classes: tuple[tuple[Markup, Markup], ...]
    worst: tuple[Result, ...]


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write all figures to `path`.

    Raises:
        SinkError: the file cannot be written.
    """
    write_text(path, to_json(MADE_BY | evaluation.to_dict(), indent=1, ensure_ascii=False) + "\n")


def write_html(evaluation: Evaluation, path: Path) -> None:
    """Write a page with tables, plots and the worst images to `path`.

    Raises:
        SinkError: the file cannot be written.
    """
    write_text(path, to_html(evaluation))


def to_html(evaluation: Evaluation) -> str:
    """Return the page."""
    results, measures = evaluation.results, evaluation.measured
    groups = _group_by_data(results)
    rows = [(r.data, r.setup, *(m.show(r.figures.get(m.key)) for m in measures)) for r in results]
    return render_page(
        _TEMPLATE,
        title="rimlight eval",
        columns=("data", "set-up", *(m.title for m in measures)),
        rows=rows,
        best=find_best_cells(results, measures),
        conditions=", ".join(f"{key} {value}" for key, value in evaluation.conditions.items()),
        sections=[_make_section(name, group, measures) for name, group in groups.items()],
    )


def find_best_cells(results: Sequence[Result], measures: Iterable[Metric]) -> set[tuple[int, int]]:
    """Return (row, column) of the best figures of each data set; data and name come first."""
    groups = _group_by_data(results)
    return {
        (row, column)
        for row, result in enumerate(results)
        for column, measure in enumerate(measures, 2)
        if _is_best(measure, result, groups[result.data])
    }


def make_plots(results: Sequence[Result], measures: Iterable[Metric]) -> tuple[Markup, ...]:
    """Return bars for each measure of one data set, then curves over its images."""
    plots = [
        bars(m.title, {r.setup: r.figures.get(m.key) for r in results}, digits=m.digits)
        for m in measures
        if m.rising is not None and any(r.figures.get(m.key) is not None for r in results)
    ]
    return (*plots, *(_draw_curve(key, results) for key in _CURVES if _has_scores(key, results)))


def find_best(measure: Metric, results: Iterable[Result]) -> float | None:
    """Return the best value of `measure`; None when none is better than another."""
    known = [v for r in results if (v := r.figures.get(measure.key)) is not None]
    if measure.rising is None or len(set(known)) < 2:
        return None
    return max(known) if measure.rising else min(known)


def _is_best(measure: Metric, result: Result, rivals: Iterable[Result]) -> bool:
    value = result.figures.get(measure.key)
    return value is not None and value == find_best(measure, rivals)


def _make_section(name: str, results: list[Result], measures: Iterable[Metric]) -> _Section:
    return _Section(
        name,
        make_plots(results, measures),
        tuple((r.setup, _format_stages(r)) for r in results),
        tuple(_draw_classes(r) for r in results if r.classes),
        tuple(r for r in results if r.worst),
    )


def _group_by_data(results: Iterable[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.data, []).append(result)
    return groups


def _has_scores(key: str, results: Sequence[Result]) -> bool:
    return any(s.figures.get(key) is not None for r in results for s in r.scores)


def _draw_curve(key: str, results: Sequence[Result]) -> Markup:
    """Frames of a sequence in their order; single images from the worst to the best."""
    is_sequence = _has_scores("flicker", results)
    series = {}
    for result in results:
        values = [score.figures.get(key) for score in result.scores]
        series[result.setup] = values if is_sequence else sorted(v for v in values if v is not None)
    across = "frames" if is_sequence else "images, worst first"
    return lines(f"{key} of each image", series, across=across)


def _format_stages(result: Result) -> str:
    return ", ".join(f"{stage} {ms:.2f}" for stage, ms in result.stages_ms.items())


def _draw_classes(result: Result) -> tuple[Markup, Markup]:
    cells = [[count / max(1, sum(row)) for count in row] for row in result.confusion]
    title = f"{result.setup}: true class (rows) as predicted (columns), % of the row"
    columns = (*result.classes, "none of them")
    ious = dict(zip(result.classes, result.class_ious, strict=True))
    return (
        heatmap(title, result.classes, columns, cells),
        bars(f"{result.setup}: IoU of each class", ious),
    )
