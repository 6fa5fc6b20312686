"""Plots as inline SVG. Colors are CSS variables, so that the page's light or dark applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

Series = Mapping[str, Sequence[float | None]]
Matrix = Sequence[Sequence[float]]

_WIDTH, _HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 30, 26


def bars(title: str, values: Mapping[str, float | None], *, digits: int = 3) -> str:
    """Return a bar for each name, with its value beside it; "-" for None."""
    top = max((v for v in values.values() if v is not None), default=0.0) or 1.0
    row_px, label_px = 24, 150
    height = _TOP + row_px * len(values)
    rows = []
    for place, (name, value) in enumerate(values.items()):
        y = _TOP + place * row_px
        length = 0.0 if value is None else max(0.0, value / top) * (_WIDTH - label_px - 70)
        shown = "-" if value is None else f"{value:.{digits}f}"
        rows.append(
            f'<text x="{label_px - 6}" y="{y + 14}" class="end">{escape(name)}</text>'
            f'<rect x="{label_px}" y="{y + 2}" width="{length:.1f}" height="16" '
            f'class="s{place % 6}"/>'
            f'<text x="{label_px + length + 6:.1f}" y="{y + 14}">{shown}</text>'
        )
    return _svg(title, "".join(rows), height)


def lines(title: str, series: Series, *, across: str) -> str:
    """Return one line for each series over the index of its values; None leaves a gap.

    Args:
        title: above the plot.
        series: values by name.
        across: what the horizontal axis counts.
    """
    known = [v for values in series.values() for v in values if v is not None]
    top = max(known, default=0.0) or 1.0
    longest = max((len(values) for values in series.values()), default=1)
    parts = [_axes(top, longest, across)]
    for place, (name, values) in enumerate(series.items()):
        parts += [
            f'<polyline points="{run}" class="l{place % 6}"/>'
            for run in _runs(values, top, longest)
        ]
        parts.append(
            f'<text x="{_WIDTH - _RIGHT}" y="{_TOP + 14 + 15 * place}" '
            f'class="end t{place % 6}">{escape(name)}</text>'
        )
    return _svg(title, "".join(parts), _HEIGHT)


def heatmap(title: str, rows: Sequence[str], columns: Sequence[str], cells: Matrix) -> str:
    """Return a table of shares in [0, 1]; each row adds up to 1."""
    cell_px, label_px = 30, 110
    parts = []
    for i, name in enumerate(rows):
        y = _TOP + label_px + i * cell_px
        parts.append(f'<text x="{label_px - 6}" y="{y + 19}" class="end">{escape(name)}</text>')
        for j, share in enumerate(cells[i]):
            x = label_px + j * cell_px
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell_px - 1}" height="{cell_px - 1}" class="heat" '
                f'fill-opacity="{0.04 + 0.96 * share:.3f}"/>'
                f'<text x="{x + cell_px / 2}" y="{y + 19}" class="mid">{100 * share:.0f}</text>'
            )
    for j, name in enumerate(columns):
        x = label_px + j * cell_px + 20
        y = _TOP + label_px - 6
        parts.append(f'<text x="{x}" y="{y}" transform="rotate(-60 {x} {y})">{escape(name)}</text>')
    size = label_px + cell_px * len(columns) + 60
    return _svg(title, "".join(parts), _TOP + label_px + cell_px * len(rows) + 4, width=size)


def _runs(values: Sequence[float | None], top: float, longest: int) -> list[str]:
    """Return SVG point lists, a new one after every gap."""
    runs: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * index / max(1, longest - 1)
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top
        runs[-1].append(f"{x:.1f},{y:.1f}")
    return [" ".join(run) for run in runs if run]


def _axes(top: float, longest: int, across: str) -> str:
    parts = []
    for step in range(5):
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * step / 4
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{top * step / 4:.3g}</text>'
        )
    parts.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" class="end">{escape(across)} ({longest})'
        "</text>"
    )
    return "".join(parts)


def _svg(title: str, body: str, height: int, *, width: int = _WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape(title)}"><text x="0" y="16" class="title">{escape(title)}</text>'
        f"{body}</svg>"
    )
