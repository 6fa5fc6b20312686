"""The flags that only `rimlight road` has, and which of them need which."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.factory.object_filter import ObjectFilter

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="A video, a folder of pictures or of videos, a glob, a camera or a URL. Several "
        "videos are joined in time; of several cameras the front one is taken.",
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "--output", "-o", metavar="OUTPUT", help="A video, a folder for pictures, or window."
    ),
]
Report = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Write a report: HTML page, CSV and JSON.")
]
RulesFile = Annotated[
    Path | None, typer.Option(help="What is an event, instead of configs/road-rules.yaml.")
]
Gpx = Annotated[
    list[Path] | None,
    typer.Option(
        help="A GPS track (GPX; several are one): the report says where; events.geojson. Times "
        "without a zone count as UTC."
    ),
]
GpxOffset = Annotated[
    float, typer.Option(metavar="SECONDS", help="Added to the camera's clock, for --gpx.")
]
Recorded = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="When the first frame was taken, if no file says (UTC unless it names a zone).",
    ),
]
Redact = Annotated[
    list[str] | None,
    typer.Option(help="Classes made unrecognizable (person,car), with a memory for misses."),
]
Opacity = Annotated[
    float | None, typer.Option(min=0, max=1, help="How strongly classes are painted [0.5].")
]
Contours = Annotated[bool, typer.Option("--contours", help="Outline each class.")]
Legend = Annotated[bool, typer.Option(help="Name the colors in the picture.")]
Ahead = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        help="The path ahead: left, right, height of its near edge, then of its far one; guessed "
        "otherwise.",
    ),
]
ShowAhead = Annotated[
    bool, typer.Option("--show-ahead", help="Outline the path ahead in the picture.")
]


def check_used(user: object, flags: Mapping[str, object]) -> None:
    """Check that no flag was given that does nothing without a report.

    Args:
        user: what makes use of them; false where there is none.
        flags: flag -> its value; None for one that was not given.

    Raises:
        ConfigError: one was given, and nothing makes use of it.
    """
    for flag, value in flags.items():
        if value is not None and not user:
            raise ConfigError(f"{flag} is for the report", hint="add --report FOLDER")


def check_covered(covered: tuple[str, ...], said: ObjectFilter) -> None:
    """Check that a choice leaves nobody uncovered who was to be.

    Raises:
        ConfigError: it takes some of what is to be covered out of the mask.
    """
    if covered and said.refiners:
        raise ConfigError(
            "--redact covers all that is found of a class, and this choice would leave some out",
            hint="say with --keep which classes are painted: --keep road,mark",
        )
