"""The flags that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        "-b",
        help="A picture, a video, a color ('#00ff00', white), or none for a transparent one.",
    ),
]
Blur = Annotated[
    float | None, typer.Option(min=0.1, max=500, help="Blur the background by this many pixels.")
]
Gray = Annotated[
    bool, typer.Option("--grayscale", help="Take the colors out of the background; it can be seen.")
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        help="What stays in front: classes (person,dog), largest, center, or id:3; may be given "
        "again."
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(help="Classes that go (chair,tv); without --keep, all else stays."),
]
Fit = Annotated[str, typer.Option(help="How a background fits: fill, fit, stretch or tile.")]
Mirror = Annotated[bool, typer.Option("--mirror", help="Swap left and right of the result.")]
Rotate = Annotated[
    Literal["90", "180", "270"] | None,
    typer.Option(
        help="Turn the pictures clockwise by this many degrees before the model sees them, as for "
        "a camera that hangs upside down."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="A name (see `rimlight models list`), a card, or a model file."
    ),
]
Quality = Annotated[
    str | None,
    typer.Option(
        help="How much work a mask is worth: fast, balanced (steady, follows small people), or "
        "best (offline)."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the model.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="A YAML file over the job's defaults.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the run; may be repeated."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the run, print it, and stop.")]
Audio = Annotated[bool, typer.Option(help="Copy the sound of the input.")]
Private = Annotated[
    bool, typer.Option("--private", help="Leave out the input's tags, chapters and subtitles.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def names_effects(config: Path | None, settings: list[str] | None) -> bool:
    """Return True if a config, or `--set effects=...`, says what the run shows."""
    return config is not None or any(word.startswith("effects=") for word in settings or ())


def segmenter_keys(model: str | None, threads: int | None) -> dict[str, Any]:
    """Return the keys of the segmenter that the user named."""
    said = {"model": model, "threads": threads}
    return {key: value for key, value in said.items() if value is not None}


def turn_keys(rotate: str | None) -> dict[str, Any]:
    """Return the keys of the source with which its pictures are turned."""
    return {"rotate": int(rotate)} if rotate else {}
