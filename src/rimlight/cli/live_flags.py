"""The flags that only `rimlight live` has, and what some of them come to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rimlight.core.errors import ConfigError

Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        "-s",
        help="A camera (0, /dev/video0), an rtsp:// or http:// address, a file, or pattern.",
    ),
]
Sink = Annotated[
    list[str] | None,
    typer.Option(
        "--sink",
        "-o",
        help="window, virtual-camera[:/dev/video10], http[:PORT], pipe[:FORMAT] or "
        "video:rec.mp4; may be given again. Without it: a virtual camera and a window, as far as "
        "there are any.",
    ),
]
Sync = Annotated[bool, typer.Option("--sync", help="Wait for each frame's own mask, however slow.")]
WhenUnsure = Annotated[
    str | None,
    typer.Option(
        help="Shown while no frame has a valid mask: last (the last safe picture), "
        "blur (that one, smeared) or background (it alone)."
    ),
]
AllowPassthrough = Annotated[
    bool, typer.Option("--allow-passthrough", help="Show the room where no effect covers it.")
]
MaxLatency = Annotated[
    float | None, typer.Option(metavar="MS", min=1, help="Leave out frames older than this [100].")
]
OnDemand = Annotated[
    bool,
    typer.Option(
        "--on-demand", help="Open the camera only while a program watches the virtual one."
    ),
]
Cpu = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="Hold this share of one processor, such as 40%, with less quality."
    ),
]
Fps = Annotated[float | None, typer.Option(min=1, help="Hold this rate, with less quality.")]
Ctl = Annotated[
    Path | None, typer.Option(metavar="SOCKET", help="Where `rimlight ctl` finds this run.")
]


def pipeline_keys(
    sync: bool, when_unsure: str | None, allow_passthrough: bool, max_latency_ms: float | None
) -> dict[str, Any]:
    """Return the keys of the pipeline that the user named."""
    said = {
        "mask_sync": "exact" if sync else None,
        "fallback": when_unsure,
        "allow_passthrough": allow_passthrough or None,
        "max_latency_ms": max_latency_ms,
    }
    return {key: value for key, value in said.items() if value is not None}


def share(text: str | None) -> float | None:
    """Read "40%" or "0.4" as 0.4.

    Raises:
        ConfigError: it is no share, or more than there are processors: nothing would be held.
    """
    from rimlight.system.cpu import count_usable_cores

    if text is None:
        return None
    try:
        wanted = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        wanted = 0.0
    if not 0 < wanted <= count_usable_cores():
        raise ConfigError(
            f"--cpu must be a share of one processor, up to {count_usable_cores()}, got {text!r}",
            hint="--cpu 40%",
        )
    return wanted
