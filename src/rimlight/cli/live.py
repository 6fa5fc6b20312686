"""`rimlight live`: a webcam or a stream, as it plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
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
    Grey,
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
    from rimlight.cli.desk import Wishes
    from rimlight.config import RunConfig
    from rimlight.controls import Controls
    from rimlight.frame import Frame
    from rimlight.pipeline.runner import Pipeline

STATUS_EVERY_S = 1.0


def live(
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            "-s",
            help="A camera (0, /dev/video0), an rtsp:// or http:// address, a file, or pattern.",
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            "-o",
            help="window, virtual-camera[:/dev/video10], video:rec.mp4; may be given again. "
            "Without it: a virtual camera and a window, as far as there are any.",
        ),
    ] = None,
    background: Background = None,
    blur: Blur = None,
    grey: Grey = False,
    keep: Keep = None,
    drop: Drop = None,
    fit: Fit = "fill",
    mirror: Mirror = False,
    model: Model = None,
    threads: Threads = None,
    quality: Quality = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Wait for each frame's own mask, however slow.")
    ] = False,
    when_unsure: Annotated[
        str | None,
        typer.Option(
            help="Shown while no frame has a valid mask: last (the last safe picture), "
            "blur (that one, smeared) or background (it alone)."
        ),
    ] = None,
    allow_passthrough: Annotated[
        bool, typer.Option("--allow-passthrough", help="Show the room where no effect covers it.")
    ] = False,
    max_latency: Annotated[
        float | None,
        typer.Option(metavar="MS", min=1, help="Leave out frames older than this [100]."),
    ] = None,
    on_demand: Annotated[
        bool,
        typer.Option(
            "--on-demand", help="Open the camera only while a program watches the virtual one."
        ),
    ] = False,
    cpu: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Hold this share of one processor, such as 40%, with less quality.",
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=1, help="Hold this rate, with less quality.")
    ] = None,
    ctl: Annotated[
        Path | None,
        typer.Option(metavar="SOCKET", help="Where `rimlight ctl` finds this run."),
    ] = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Send a webcam with another background to a virtual camera, a window or a file.

    Ctrl-C, or q in the window, ends it. Without a choice the background is blurred.

    Keys, in the window and on the terminal: b next background, + and - blur, m mirror, f freeze,
    p or space covers everything at once. `rimlight ctl` says the same from elsewhere.

      rimlight live --background office.jpg

      rimlight live --source /dev/video0 --sink virtual-camera:/dev/video10 --sink window

      rimlight live --source rtsp://camera.local/stream --sink window --sink video:rec.mp4
    """
    from rimlight.choice import choice
    from rimlight.cli.run import print_plan
    from rimlight.effects import LIVE_REFRESH_HZ
    from rimlight.jobs import background_effects, job_config

    said = choice(keep, drop)
    chosen = background is not None or blur is not None or grey
    if not chosen and (mirror or keep or drop):
        blur, chosen = 20.0, True
    effects = None
    if chosen:
        effects = background_effects(
            background=background,
            blur=blur,
            grey=grey,
            fit=fit,
            mirror=mirror,
            refresh_hz=LIVE_REFRESH_HZ,
        )
    run = job_config(
        "live",
        source=source,
        sinks=sink or (["virtual-camera"] if on_demand else ()),
        segmenter=segmenter_keys(model, threads),
        effects=effects,
        refiners=said.as_refiners,
        pipeline=_pipeline_keys(sync, when_unsure, allow_passthrough, max_latency),
        quality=quality,
        config=config,
        settings=set_ or (),
    )
    if dry_run:
        print_plan(run)
    else:
        from rimlight.cli.desk import Wishes

        wishes = Wishes(ctl, on_demand, _share(cpu), fps)
        _run(run, wishes, quiet=quiet)


def _pipeline_keys(
    sync: bool, when_unsure: str | None, allow_passthrough: bool, max_latency_ms: float | None
) -> dict[str, Any]:
    """Return the keys of the pipeline that the user named."""
    said = {
        "masks": "own" if sync else None,
        "when_unsure": when_unsure,
        "allow_passthrough": allow_passthrough or None,
        "max_latency_ms": max_latency_ms,
    }
    return {key: value for key, value in said.items() if value is not None}


def _share(text: str | None) -> float | None:
    """Read "40%" or "0.4" as 0.4."""
    from rimlight.errors import ConfigError

    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if share <= 0:
        raise ConfigError(f"--cpu must be a share of one processor, got {text!r}", hint="--cpu 40%")
    return share


def _run(config: RunConfig, wishes: Wishes, *, quiet: bool) -> None:
    from rimlight.build import open_run
    from rimlight.cli.desk import desk
    from rimlight.cli.run import console, stop_on_signals, summary, tell
    from rimlight.status import delay_ms

    with console.status("opening", spinner="line") as status:
        tick: list[Callable[[], None]] = []

        def on_frame(_: Frame) -> None:
            tick[0]()

        with open_run(config, on_frame=None if quiet else on_frame) as run:
            tell(run.notes)
            with desk(run, config, wishes) as controls, stop_on_signals(run.pipeline):
                line = partial(_line, run.pipeline, controls)
                tick.append(every(STATUS_EVERY_S, lambda: status.update(line())))
                stats = run.pipeline.run()
                delay = delay_ms(run, stats)
    if not quiet:
        late = f", {delay:.0f} ms late (sync offset of the sound)" if delay else ""
        console.print(summary(config, stats) + late)


def every(interval_s: float, action: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does `action` when called, but only once in `interval_s` seconds."""
    due = time.monotonic() + interval_s

    def tick() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + interval_s
            action()

    return tick


def _line(pipeline: Pipeline, controls: Controls | None) -> str:
    stats = pipeline.stats
    latency = stats.stages["latency"]
    age = stats.stages.get("mask age")
    text = f"{stats.per_second:.1f} fps, latency {latency.median_ms:.0f} ms"
    text += f", mask {age.median_ms:.0f} ms older" if age and age.median_ms >= 1 else ""
    lost = sum(stats.dropped.values())
    text += f", {lost} dropped" if lost else ""
    return text + _state(controls) + " (Ctrl-C ends)"


def _state(controls: Controls | None) -> str:
    """Say what is not as it should be."""
    if controls is None:
        return ""
    now = controls.status()
    words = [] if now.state == "live" else [now.state.upper()]
    words += [word for word, is_so in (("COVERED", now.panic), ("FROZEN", now.frozen)) if is_so]
    words += [now.problem] if now.problem else []
    words += [f"without {', '.join(now.given_up)}"] if now.given_up else []
    return "".join(f", {word}" for word in words)
