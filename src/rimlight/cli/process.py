"""`rimlight process`: video files and folders of pictures, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import (
    Audio,
    Background,
    Blur,
    ConfigFile,
    Drop,
    Fit,
    Gray,
    Keep,
    Mirror,
    Model,
    Overwrite,
    Private,
    Quality,
    Quiet,
    Rotate,
    Settings,
    Threads,
    names_effects,
    segmenter_keys,
    turn_keys,
)
from rimlight.cli.process_flags import (
    Codec,
    Crf,
    DryRun,
    End,
    Every,
    Foreground,
    Format,
    KeepGoing,
    LookAhead,
    Margin,
    Matte,
    MaxSize,
    Preset,
    Preview,
    Recursive,
    Resume,
    Shadow,
    Side,
    Square,
    Start,
    Trim,
    Watch,
    check_pictures,
    product_keys,
    watched,
)

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig


def process(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, a picture, a folder or glob of pictures, @ and a list of them, a URL, "
            "or - for raw frames.",
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
    gray: Gray = False,
    keep: Keep = None,
    drop: Drop = None,
    fit: Fit = "fill",
    mirror: Mirror = False,
    rotate: Rotate = None,
    model: Model = None,
    threads: Threads = None,
    quality: Quality = None,
    look_ahead: LookAhead = None,
    audio: Audio = True,
    private: Private = False,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    matte: Matte = None,
    foreground: Foreground = None,
    preview: Preview = None,
    start: Start = None,
    end: End = None,
    every: Every = None,
    watch: Watch = False,
    recursive: Recursive = False,
    format_: Format = None,
    trim: Trim = False,
    margin: Margin = None,
    square: Square = False,
    size: Side = None,
    shadow: Shadow = False,
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

      rimlight process photos/ -b white --trim --margin 8% --square --size 1600 -o shop/
    """
    from rimlight.cli.run import name_of, print_plan, run_to_end, tell
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import background_effects, build_config
    from rimlight.factory.sinks import predict_track_changes

    said = parse_object_filter(keep, drop)
    product = product_keys(trim=trim, margin=margin, square=square, size=size, shadow=shadow)
    shop = {"--trim": trim, "--margin": margin, "--square": square, "--size": size}
    check_pictures(source, {"--watch": watch, "--recursive": recursive, **shop, "--shadow": shadow})
    effects = None
    if not names_effects(config, set_) or background is not None or blur is not None or gray:
        effects = background_effects(
            background=background,
            blur=blur,
            gray=gray,
            keep=said.classes,
            fit=fit,
            mirror=mirror,
            product=product,
        )
    video = {"audio": None if audio else False, "codec": codec, "crf": crf, "preset": preset}
    video |= {
        "private": private or None,
        "overwrite": overwrite or None,
        "resume": "auto" if resume else None,
    }
    results = [place for place in (*output, matte, foreground) if place is not None]
    run = build_config(
        "process",
        source=watched(source, results, recursive=recursive) if watch else source,
        sinks=output,
        segmenter=segmenter_keys(model, threads),
        effects=effects,
        refiners=said.refiners,
        quality=quality,
        look_ahead=look_ahead,
        config=config,
        settings=set_ or (),
        options={"video": video, "images": {"format": format_, "overwrite": overwrite or None}},
        extra_outputs=_asides(matte, foreground, said.classes),
        source_options={
            **turn_keys(rotate),
            "start_s": start,
            "end_s": end,
            "every": every,
            "max_size": max_size,
            "recursive": recursive or None,
            "results": results if watch and not overwrite else None,
        },
    )
    if dry_run:
        print_plan(run)
        tell(predict_track_changes(run))
        _tell_estimate(run)
    elif preview is not None:
        _preview(run, preview, overwrite=overwrite)
    else:
        run_to_end(
            run,
            label=name_of(source),
            quiet=quiet,
            keep_going=keep_going,
            endless=watch,
        )


def _asides(
    matte: str | None, foreground: str | None, keep: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Return what is shown beside the result: output -> effects."""
    kept = {"keep": tuple(keep)} if keep else {}
    wanted = {matte: "matte", foreground: "foreground"}
    return {spec: [{"kind": kind, **kept}] for spec, kind in wanted.items() if spec is not None}


def _preview(run: RunConfig, count: int, *, overwrite: bool) -> None:
    from rimlight.cli.run import console
    from rimlight.offline.preview import preview_path, write_preview
    from rimlight.sinks.paths import check_report

    path = preview_path(run)
    check_report(path, overwrite=overwrite)
    write_preview(run, count, path)
    console.print(f"look at {path}: before on the left, after on the right")


def _tell_estimate(run: RunConfig) -> None:
    from rimlight.cli.run import console
    from rimlight.offline.estimate import estimate

    made = estimate(run)
    if made is None:
        console.print("how long it takes cannot be told: it is not known how many frames there are")
        return
    minutes, seconds = divmod(round(made.seconds), 60)
    console.print(
        f"about {minutes // 60}:{minutes % 60:02}:{seconds:02} (h:min:s) and "
        f"{made.size_bytes / 1e6:.3g} MB without sound for {made.frames} frames, "
        f"from {made.measured} frames made now"
    )
