"""`rimlight verify`: decode a video file to its end and say what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rimlight.core.printable import make_printable


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The video to decode.")],
    *,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="INPUT",
            help="Compare with the video that it was made of: frames, times, size, color tags, "
            "sound and, where both have it, alpha.",
        ),
    ] = None,
) -> None:
    """Decode a whole video and list what is wrong with it, one line each.

    The exit code is 1 if there is a difference.

      rimlight verify out.mp4

      rimlight verify out.mp4 --against talk.mp4
    """
    from rimlight.media.verification import describe_video, verify_video

    result = verify_video(file, against=against)
    for line in result.differences:
        typer.echo(make_printable(f"{file}: {line}"))
    if result.differences:
        raise typer.Exit(1)
    assert result.facts is not None
    typer.echo(make_printable(f"{file}: ok: {describe_video(result.facts)}"))
