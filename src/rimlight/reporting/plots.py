"""Plots as inline SVG, in the colors of the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rimlight.reporting.pages import open_environment

if TYPE_CHECKING:
    from markupsafe import Markup

Series = Mapping[str, Sequence[float | None]]
Matrix = Sequence[Sequence[float]]

_WIDTH, _HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 30, 26
_BAR_LABEL_PX, _BAR_VALUE_PX = 150, 70
_TICKS = 4


def bars(title: str, values: Mapping[str, float | None], *, digits: int = 3) -> Markup:
    """Return a bar for each name, with its value next to it; "-" for None."""
    top = max((v for v in values.values() if v is not None), default=0.0) or 1.0
    room_px = _WIDTH - _BAR_LABEL_PX - _BAR_VALUE_PX
    rows = [
        (name, *((0.0, "-") if v is None else (max(0.0, v / top) * room_px, f"{v:.{digits}f}")))
        for name, v in values.items()
    ]
    return _draw("bars", title, width=_WIDTH, left=_BAR_LABEL_PX, top=_TOP, rows=rows)


def lines(title: str, series: Series, *, across: str) -> Markup:
    """Return one line for each series over the index of its values; None leaves a gap.

    Args:
        title: above the plot.
        series: values by name.
        across: what the horizontal axis counts.
    """
    known = [v for values in series.values() for v in values if v is not None]
    top = max(known, default=0.0) or 1.0
    longest = max((len(values) for values in series.values()), default=1)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    ticks = [
        (bottom - (bottom - _TOP) * step / _TICKS, f"{top * step / _TICKS:.3g}")
        for step in range(_TICKS + 1)
    ]

    def split_runs(values: Sequence[float | None]) -> list[str]:
        """Return SVG point lists, a new one after every gap."""
        runs: list[list[str]] = [[]]
        for index, value in enumerate(values):
            if value is None:
                runs.append([])
                continue
            x = _LEFT + (right - _LEFT) * index / max(1, longest - 1)
            runs[-1].append(f"{x:.1f},{bottom - (bottom - _TOP) * value / top:.1f}")
        return [" ".join(run) for run in runs if run]

    curves = [(name, split_runs(values)) for name, values in series.items()]
    return _draw(
        "lines", title, width=_WIDTH, height=_HEIGHT, left=_LEFT, right=right, top=_TOP,
        ticks=ticks, curves=curves, across=f"{across} ({longest})",
    )  # fmt: skip


def heatmap(title: str, rows: Sequence[str], columns: Sequence[str], cells: Matrix) -> Markup:
    """Return a table of shares in [0, 1]; each row adds up to 1."""
    return _draw("heatmap", title, top=_TOP, rows=rows, columns=columns, cells=cells)


def _draw(macro: str, title: str, **values: Any) -> Markup:
    module: Any = open_environment().get_template("plots.html").module
    drawn: Markup = getattr(module, macro)(title, **values)
    return drawn
