"""`rimlight process` and `rimlight demo`: video files and folders of images, offline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import OUTPUT as OUTPUT_PANEL
from rimlight.cli.flags import (
    Audio,
    Background,
    Blur,
    BlurShape,
    Codec,
    ConfigFile,
    Crf,
    Deliver,
    Device,
    DryRun,
    End,
    Exclude,
    Fit,
    Foreground,
    Format,
    Gray,
    GreenScreen,
    Keep,
    KeepGoing,
    LookAhead,
    Margin,
    MatchLight,
    Matte,
    MaxSize,
    Mirror,
    Model,
    MoreEffects,
    OutputSize,
    Overwrite,
    Preset,
    Preview,
    Private,
    Quality,
    Quiet,
    Recursive,
    Resume,
    Rotate,
    Settings,
    Shadow,
    Square,
    Start,
    Stride,
    Threads,
    ToneMap,
    Trim,
    Watch,
    check_effect_flags,
    drop_unset,
    has_effects,
    make_effect_options,
    make_green_screen_keys,
    make_more_effects,
    make_rotation_keys,
    make_segmenter_keys,
)
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig


SHADOW = 0.35
"""Opacity of the shadow that `--shadow` draws."""


def process(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, an image, a folder or glob of images, @ and a file that lists them, a "
            "URL, or - for raw frames.",
        ),
    ],
    *,
    output: Annotated[
        list[str],
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="A video (.mp4 .mov .mkv .webm), an animation (.gif .webp .avif), an image, a "
            "folder for images, or - for raw frames; may be repeated.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    matte: Matte = None,
    foreground: Foreground = None,
    preview: Preview = None,
    deliver: Deliver = None,
    audio: Audio = None,
    private: Private = False,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    format_: Format = None,
    overwrite: Overwrite = False,
    resume: Resume = True,
    background: Background = None,
    blur: Blur = None,
    blur_shape: BlurShape = None,
    gray: Gray = False,
    fit: Fit = "fill",
    mirror: Mirror = False,
    match_light: MatchLight = None,
    effect: MoreEffects = None,
    keep: Keep = None,
    exclude: Exclude = None,
    model: Model = None,
    green_screen: GreenScreen = None,
    quality: Quality = None,
    look_ahead: LookAhead = None,
    threads: Threads = None,
    device: Device = None,
    start: Start = None,
    end: End = None,
    stride: Stride = None,
    max_size: MaxSize = None,
    rotate: Rotate = None,
    tone_map: ToneMap = False,
    recursive: Recursive = False,
    watch: Watch = False,
    keep_going: KeepGoing = False,
    trim: Trim = False,
    margin: Margin = None,
    square: Square = False,
    output_size: OutputSize = None,
    shadow: Shadow = False,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Replace, blur or remove the background of video and images.

    Frames keep their time stamps and the audio is copied. The same command resumes a run that was
    killed or ran out of disk space.

      rimlight process talk.mp4 --background beach.jpg -o out.mp4

      rimlight process talk.mp4 --blur 20 -o out.mp4

      rimlight process talk.mp4 --background none -o cut.mov

      rimlight process talk.mp4 --green-screen '#00b140' --background beach.jpg -o out.mp4

      rimlight process photos/ --background white -o cutouts/

      rimlight process photos/ -b white --trim --margin 8% --square -o shop/
    """
    from rimlight.cli.console import format_source_name, print_notes, print_plan, run_with_progress
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import (
        background_effects,
        build_config,
        choose_quality,
        is_no_background,
    )
    from rimlight.factory.sinks import predict_track_changes
    from rimlight.sinks.delivery import complete_output, make_sink_options

    selection = parse_object_filter(keep, exclude)
    product = _make_product_keys(
        trim=trim, margin=margin, square=square, size=output_size, shadow=shadow
    )
    _check_images(
        source,
        {
            "--watch": watch,
            "--recursive": recursive,
            "--trim": trim,
            "--margin": margin,
            "--square": square,
            "--output-size": output_size,
            "--shadow": shadow,
        },
    )
    effects = None
    if not has_effects(config, set_) or background is not None or blur is not None or gray:
        effects = background_effects(
            background=background,
            blur=blur,
            gray=gray,
            keep=selection.classes,
            fit=fit,
            mirror=mirror,
            product=product,
        )
    keyed = make_green_screen_keys(green_screen, model)
    video = {"audio": audio, "codec": codec, "crf": crf, "preset": preset}
    video |= {
        "private": private or None,
        "overwrite": overwrite or None,
        "resume": "auto" if resume else None,
    }
    if deliver is not None:
        clear = is_no_background(background)
        output = [complete_output(spec, deliver, transparent=clear) for spec in output]
        matte, foreground = (
            spec and complete_output(spec, deliver, transparent=False)
            for spec in (matte, foreground)
        )
    wanted = make_sink_options(deliver)
    results = [path for path in (*output, matte, foreground) if path is not None]
    run = build_config(
        "process",
        source=_make_watch_spec(source, results, recursive=recursive) if watch else source,
        sinks=output,
        segmenter=keyed or make_segmenter_keys(model, threads, device),
        effects=effects,
        more_effects=make_more_effects(effect, keyed),
        refiners=selection.refiners,
        quality=quality or (None if keyed else choose_quality(source)),
        look_ahead=look_ahead,
        config=config,
        settings=set_ or (),
        options={
            "video": video | wanted.get("video", {}),
            "images": {"format": format_, "overwrite": overwrite or None}
            | wanted.get("images", {}),
            **make_effect_options(blur_shape, match_light),
        },
        extra_outputs=_make_extra_outputs(matte, foreground, selection.classes),
        source_options={
            **make_rotation_keys(rotate),
            "start_s": start,
            "end_s": end,
            "stride": stride,
            "max_size": max_size,
            "tone_map": tone_map or None,
            "recursive": recursive or None,
            "results": results if watch and not overwrite else None,
        },
    )
    check_effect_flags(run, blur_shape, match_light)
    if dry_run:
        print_plan(run)
        print_notes(predict_track_changes(run))
        _print_estimate(run)
    elif preview is not None:
        _write_preview(run, preview, overwrite=overwrite)
    else:
        run_with_progress(
            run,
            label=format_source_name(source),
            quiet=quiet,
            keep_going=keep_going,
            endless=watch,
        )


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder for the results.")
    ] = Path("rimlight-demo"),
    *,
    overwrite: Overwrite = False,
) -> None:
    """Process the included sample: two videos and an image."""
    from rimlight.cli.console import run_with_progress
    from rimlight.factory.validation import validate_config
    from rimlight.offline.demo import make_demo_runs, write_contact_sheet
    from rimlight.sinks.output_paths import check_report
    from rimlight.system.atomic_io import make_folder

    make_folder(output)
    sheet = output / "compare.png"
    check_report(sheet, overwrite=overwrite)
    runs = make_demo_runs(output, overwrite=overwrite)
    for run in runs:
        validate_config(run)
    for run in runs:
        run_with_progress(run, label=run.sinks[0].options.path.name)
    write_contact_sheet(runs, sheet)
    typer.echo(f"look at {sheet} first: input, mask and both results next to each other")


def _make_extra_outputs(
    matte: str | None, foreground: str | None, keep: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Return the outputs in addition to the result: output -> effects."""
    kept = {"keep": tuple(keep)} if keep else {}
    wanted = {matte: "matte", foreground: "foreground"}
    return {spec: [{"kind": kind, **kept}] for spec, kind in wanted.items() if spec is not None}


def _write_preview(run: RunConfig, count: int, *, overwrite: bool) -> None:
    from rimlight.cli.console import console
    from rimlight.offline.preview import get_preview_path, write_preview
    from rimlight.sinks.output_paths import check_report

    path = get_preview_path(run)
    check_report(path, overwrite=overwrite)
    write_preview(run, count, path)
    console.print(f"look at {path}: before on the left, after on the right")


def _print_estimate(run: RunConfig) -> None:
    from rimlight.cli.console import console
    from rimlight.offline.estimate import estimate_run

    made = estimate_run(run)
    if made is None:
        console.print("cannot estimate the duration: the number of frames is unknown")
        return
    minutes, seconds = divmod(round(made.seconds), 60)
    console.print(
        f"about {minutes // 60}:{minutes % 60:02}:{seconds:02} (h:min:s) and "
        f"{made.size_bytes / 1e6:.3g} MB without sound for {made.frames} frames, "
        f"from {made.measured} frames made now"
    )


def _make_product_keys(
    *, trim: bool, margin: str | None, square: bool, size: int | None, shadow: bool
) -> dict[str, Any]:
    """Return the options of the effect "product" that the user set; a shadow needs a margin."""
    keys: dict[str, Any] = {"margin": margin if margin or not shadow else "8%", "size_px": size}
    keys |= {"trim": trim or None, "square": square or None, "shadow": SHADOW if shadow else None}
    return drop_unset(keys)


def _check_images(source: str, given: Mapping[str, object]) -> None:
    """Refuse flags for images where the source holds none.

    Raises:
        ConfigError: the source is a video, a camera or a stream.
    """
    from rimlight.sources import guess_source

    flags = [flag for flag, is_given in given.items() if is_given]
    if flags and guess_source(source)["kind"] not in {"images", "watch-folder", "animation"}:
        raise ConfigError(f"{flags[0]} needs images, and {source} is not one", hint="remove it")


def _make_watch_spec(source: str, outputs: Sequence[str], *, recursive: bool) -> str:
    """Return the source that watches a folder and writes its results to `outputs`.

    Raises:
        ConfigError: a result would lie in the watched folder and be processed again.
    """
    folder = Path(os.path.expanduser(source)).resolve()
    for output in outputs:
        path = Path(os.path.expanduser(output)).resolve()
        if path == folder or (recursive and path.is_relative_to(folder)):
            raise ConfigError(
                f"{output} lies in the watched folder", hint="write to another folder"
            )
    return f"watch-folder:{source}"
