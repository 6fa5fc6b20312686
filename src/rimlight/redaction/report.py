"""The report of a redaction: what was covered, and what a second look still finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rimlight.redaction.check import CheckResult, Visible
from rimlight.redaction.tracking import Cover
from rimlight.reporting.pages import jpeg_uri, render_page
from rimlight.reporting.plots import lines
from rimlight.system.atomic_io import write_text

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE = Path(__file__).with_name("report.html")
_MAX_POINTS = 400
_CONDITIONS = (
    "The second look searches the result in smaller tiles, mirrored, and with CenterFace where it "
    "is installed. A find counts as covered if its region has no detail. Detectors miss faces and "
    "take other things for faces: look at the result."
)


@dataclass(frozen=True, slots=True)
class CheckedResult:
    """One film or folder of photos, redacted and checked.

    Attributes:
        name: for people.
        covers: what is covered in each frame; None where that is unknown.
        check: what the second look found.
    """

    name: str
    covers: Sequence[Sequence[Cover]] | None
    check: CheckResult


@dataclass(frozen=True, slots=True)
class _Part:
    """What the page shows of one result."""

    name: str
    rows: list[tuple[str, str]]
    plot: Markup
    pictures: list[tuple[str, str]]


def write_report(path: Path, results: Sequence[CheckedResult]) -> None:
    """Write the page.

    Raises:
        SinkError: it cannot be written.
    """
    page = render_page(
        _TEMPLATE,
        title="rimlight redact",
        parts=[_make_part(result) for result in results],
        conditions=_CONDITIONS,
    )
    write_text(path, page)


def format_check(name: str, check: CheckResult) -> str:
    """Return the result of a second look in one line."""
    frames = len(check.counts)
    if not check.visible_frames:
        return f"{name}: the second look found nothing visible in {frames} frames"
    looks = ", ".join(f"{look} {count}" for look, count in check.by_look.most_common())
    return (
        f"{name}: something may be visible in {check.visible_frames} of {frames} frames ({looks})"
    )


def _make_part(result: CheckedResult) -> _Part:
    check, covers = result.check, result.covers
    rows = [("frames", f"{len(check.counts):,}")]
    series: dict[str, list[float | None]] = {}
    if covers is not None:
        found = [sum(not cover.is_held for cover in each) for each in covers]
        held = [sum(cover.is_held for cover in each) for each in covers]
        rows += [
            ("frames with something found", f"{sum(map(bool, found)):,}"),
            ("frames with something held", f"{sum(map(bool, held)):,}"),
            ("frames in which all that is covered is held", f"{_count_only(held, found):,}"),
        ]
        series |= {"found": _thin(found), "held": _thin(held)}
    rows += [
        ("frames in which a second look finds what is covered", f"{check.covered:,}"),
        ("frames in which a second look finds something visible", f"{check.visible_frames:,}"),
    ]
    rows += [
        (f"of these by the look: {name}", f"{n:,}") for name, n in sorted(check.by_look.items())
    ]
    series["visible"] = _thin(check.counts)
    plot = lines("per frame", series, across="frames")
    pictures = [(jpeg_uri(one.picture), _describe(one)) for one in check.worst]
    return _Part(result.name, rows, plot, pictures)


def _count_only(some: Sequence[int], others: Sequence[int]) -> int:
    return sum(bool(one) and not other for one, other in zip(some, others, strict=True))


def _thin(values: Sequence[int]) -> list[float | None]:
    """Return at most `_MAX_POINTS` values: the highest of each stretch."""
    step = max(1, -(-len(values) // _MAX_POINTS))
    return [float(max(values[start : start + step])) for start in range(0, len(values), step)]


def _describe(one: Visible) -> str:
    place = one.name or f"frame {one.index}, {float(one.pts):.2f} s"
    return f"{place}: {one.score:.2f} ({one.look})"
