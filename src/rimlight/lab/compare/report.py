"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rimlight.lab.compare.moments import Moment, Moments
from rimlight.lab.evaluation.report import find_best_cells, make_plots
from rimlight.lab.evaluation.results import Evaluation
from rimlight.reporting.pages import render_page

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, slots=True)
class _Section:
    """What the page shows of one data set."""

    name: str
    plots: tuple[Markup, ...]
    moments: tuple[Moment, ...]


def to_html(
    evaluation: Evaluation, moments: Mapping[str, Moments], *, versions: Mapping[str, str]
) -> str:
    """Return the page.

    Args:
        evaluation: the figures.
        moments: the frames to show, by data set.
        versions: of each contender.
    """
    measures, results = evaluation.measured, evaluation.results
    conditions: dict[str, Any] = {**evaluation.conditions, **versions}
    return render_page(
        _TEMPLATE,
        title="rimlight compare",
        columns=("data", "contender", *(m.title for m in measures)),
        rows=[
            (r.data, r.setup, *(m.show(r.figures.get(m.key)) for m in measures)) for r in results
        ],
        best=find_best_cells(results, measures),
        conditions=", ".join(f"{key} {value}" for key, value in conditions.items()),
        sections=[
            _Section(
                name,
                make_plots([r for r in results if r.data == name], measures),
                tuple(shown),
            )
            for name, shown in moments.items()
        ],
    )
