"""The flags that only `rimlight process` has, and what some of them come to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rimlight.core.errors import ConfigError

Start = Annotated[
    str | None, typer.Option(metavar="TIME", help="Begin here: seconds, 1:30 or 1:02:03.5.")
]
End = Annotated[str | None, typer.Option(metavar="TIME", help="End here, counted likewise.")]
Every = Annotated[int | None, typer.Option(min=1, help="Take one frame in so many.")]
MaxSize = Annotated[
    str | None,
    typer.Option(metavar="WIDTHxHEIGHT", help="Scale larger pictures down to fit into this."),
]
LookAhead = Annotated[
    int | None,
    typer.Option(min=0, max=60, help="Let masks know of so many frames after them: steadier."),
]
Resume = Annotated[
    bool, typer.Option(help="Go on with what the same command left when it was broken off.")
]
KeepGoing = Annotated[
    bool,
    typer.Option("--keep-going", help="A damaged input is a warning; what can be read is done."),
]
Matte = Annotated[
    str | None, typer.Option(metavar="OUTPUT", help="Write the mask too, white on black.")
]
Foreground = Annotated[
    str | None,
    typer.Option(metavar="OUTPUT", help="Write the pure foreground colors too, for a matte."),
]
Preview = Annotated[
    int | None,
    typer.Option(min=1, max=50, help="Only write so many frames, before and after, to a picture."),
]
Codec = Annotated[
    str | None,
    typer.Option(
        help="Video codec: h264, h265, av1, vp9, ffv1, prores; or by hardware: h264-nvenc, "
        "h265-qsv, av1-nvenc, h264-videotoolbox, ..."
    ),
]
Crf = Annotated[
    int | None, typer.Option(min=0, max=63, help="Quality: lower is better and larger.")
]
Preset = Annotated[str | None, typer.Option(help="The encoder's speed, such as veryfast or slow.")]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Go on with every picture that comes into the folder; Ctrl-C ends. Started again, it "
        "leaves out what has a newer result (not with --overwrite).",
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Pictures in folders of the folder too.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="Kind of pictures to write: png, webp or jpg.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check the run, print it with its time and size from a short try, stop."
    ),
]
Trim = Annotated[
    bool, typer.Option("--trim", help="Pictures: cut away what is empty around the object.")
]
Margin = Annotated[
    str | None,
    typer.Option(metavar="PERCENT", help="Pictures: room around the object, such as 8%."),
]
Square = Annotated[bool, typer.Option("--square", help="Pictures: as wide as high.")]
Side = Annotated[
    int | None, typer.Option("--size", min=1, help="Pictures: pixels of the longer side.")
]
Shadow = Annotated[bool, typer.Option("--shadow", help="Pictures: a soft shadow under the object.")]

SHADOW = 0.35
"""Opacity of the shadow that is asked for without a number."""


def product_keys(
    *, trim: bool, margin: str | None, square: bool, size: int | None, shadow: bool
) -> dict[str, Any]:
    """Return the options of the effect "product" that the user named; a shadow needs a margin."""
    said: dict[str, Any] = {"margin": margin if margin or not shadow else "8%", "size_px": size}
    said |= {"trim": trim or None, "square": square or None, "shadow": SHADOW if shadow else None}
    return {key: value for key, value in said.items() if value is not None}


def check_pictures(source: str, wanted: Mapping[str, object]) -> None:
    """Check that flags that are for pictures alone have pictures to work on.

    Raises:
        ConfigError: the source is a video, a camera or a stream.
    """
    from rimlight.sources import guess

    flags = [flag for flag, is_wanted in wanted.items() if is_wanted]
    if flags and guess(source)["kind"] not in {"images", "watch", "animation"}:
        raise ConfigError(f"{flags[0]} is for pictures, and {source} is none", hint="leave it out")


def watched(source: str, outputs: Sequence[str], *, recursive: bool) -> str:
    """Return `source` as a folder to watch, whose results go to `outputs`.

    Raises:
        ConfigError: a result would lie where it is watched for, and be taken for a new picture.
    """
    folder = Path(os.path.expanduser(source)).resolve()
    for output in outputs:
        place = Path(os.path.expanduser(output)).resolve()
        if place == folder or (recursive and place.is_relative_to(folder)):
            raise ConfigError(f"{output} lies in what is watched", hint="write to another folder")
    return f"watch:{source}"
