"""`rimlight process`: video files and folders of pictures, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import (
    Background,
    Blur,
    ConfigFile,
    Drop,
    DryRun,
    Fit,
    Keep,
    Mirror,
    Model,
    Quality,
    Quiet,
    Settings,
    Threads,
    segmenter_keys,
)

if TYPE_CHECKING:
    from rimlight.config import RunConfig

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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a result that exists.")]
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
    typer.Option(metavar="OUTPUT", help="Write the pure foreground colours too, for a matte."),
]
Preview = Annotated[
    int | None,
    typer.Option(min=1, max=50, help="Only write so many frames, before and after, to a picture."),
]


def process(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, a picture, a folder or glob of pictures, a URL, or - for raw frames.",
        ),
    ],
    *,
    output: Annotated[
        list[str],
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="A video (.mp4 .mov .mkv .webm), a picture, a folder for pictures, or - for raw "
            "frames. May be given more than once.",
        ),
    ],
    background: Background = None,
    blur: Blur = None,
    keep: Keep = None,
    drop: Drop = None,
    fit: Fit = "fill",
    mirror: Mirror = False,
    model: Model = None,
    threads: Threads = None,
    quality: Quality = None,
    look_ahead: LookAhead = None,
    audio: Annotated[bool, typer.Option(help="Copy the sound of the input.")] = True,
    codec: Annotated[
        str | None, typer.Option(help="Video codec: h264, h265, av1, vp9, ffv1, prores.")
    ] = None,
    crf: Annotated[
        int | None, typer.Option(min=0, max=63, help="Quality: lower is better and larger.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="The encoder's speed, such as veryfast or slow.")
    ] = None,
    matte: Matte = None,
    foreground: Foreground = None,
    preview: Preview = None,
    start: Start = None,
    end: End = None,
    every: Every = None,
    max_size: MaxSize = None,
    overwrite: Overwrite = False,
    resume: Resume = True,
    keep_going: KeepGoing = False,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Give a video or a folder of pictures another background, or none.

    Every frame keeps its time stamp and the sound is copied. A run that was killed, or that ran
    out of disk space, goes on where it was when you give the same command again.

      rimlight process talk.mp4 --background beach.jpg -o out.mp4

      rimlight process talk.mp4 --blur 20 -o out.mp4

      rimlight process talk.mp4 --background none -o cut.mov

      rimlight process photos/ --background white -o cutouts/
    """
    from rimlight.choice import choice
    from rimlight.cli.run import print_plan, run_to_end
    from rimlight.jobs import background_effects, job_config

    said = choice(keep, drop)
    effects = None
    if config is None or background is not None or blur is not None:
        effects = background_effects(
            background=background, blur=blur, keep=said.classes, fit=fit, mirror=mirror
        )
    video = {"audio": audio, "codec": codec, "crf": crf, "preset": preset}
    video |= {"overwrite": overwrite, "resume": "auto" if resume else None}
    run = job_config(
        "process",
        source=source,
        sinks=output,
        segmenter=segmenter_keys(model, threads),
        effects=effects,
        refiners=said.refiners,
        quality=quality,
        look_ahead=look_ahead,
        config=config,
        settings=set_ or (),
        options={"video": video},
        asides=_asides(matte, foreground, said.classes),
        source_options={"start_s": start, "end_s": end, "every": every, "max_size": max_size},
    )
    if dry_run:
        print_plan(run)
    elif preview is not None:
        _preview(run, preview, output[0])
    else:
        run_to_end(run, label=Path(source).name or source, quiet=quiet, keep_going=keep_going)


def _asides(
    matte: str | None, foreground: str | None, keep: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Return what is shown beside the result: output -> effects."""
    kept = {"keep": tuple(keep)} if keep else {}
    wanted = {matte: "matte", foreground: "foreground"}
    return {spec: [{"kind": kind, **kept}] for spec, kind in wanted.items() if spec is not None}


def _preview(run: RunConfig, count: int, output: str) -> None:
    from rimlight.cli.run import console
    from rimlight.preview import write_preview

    path = Path(output.rstrip("/") if output != "-" else "rimlight").with_suffix(".preview.png")
    write_preview(run, count, path)
    console.print(f"look at {path}: before on the left, after on the right")
