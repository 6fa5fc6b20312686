"""`rimlight live`: a webcam or a stream, as it plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rimlight.cli.flags import (
    Background,
    Blur,
    ConfigFile,
    Drop,
    DryRun,
    Fit,
    Gray,
    Keep,
    Mirror,
    Model,
    Overwrite,
    Quality,
    Quiet,
    Rotate,
    Settings,
    Threads,
    segmenter_keys,
    turn_keys,
)
from rimlight.cli.live_flags import (
    AllowPassthrough,
    Cpu,
    Ctl,
    Fps,
    MaxLatency,
    OnDemand,
    Sink,
    Source,
    Sync,
    WhenUnsure,
    pipeline_keys,
    share,
)

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.core.frame import Frame
    from rimlight.factory.pipeline import OpenPipeline
    from rimlight.live.commands import Controls
    from rimlight.live.session import Wishes
    from rimlight.pipeline.pipeline import Pipeline

STATUS_EVERY_S = 1.0


def live(
    *,
    source: Source = None,
    sink: Sink = None,
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
    sync: Sync = False,
    when_unsure: WhenUnsure = None,
    allow_passthrough: AllowPassthrough = False,
    max_latency: MaxLatency = None,
    on_demand: OnDemand = False,
    cpu: Cpu = None,
    fps: Fps = None,
    ctl: Ctl = None,
    overwrite: Overwrite = False,
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
    from rimlight.cli.run import print_plan
    from rimlight.effects import LIVE_REFRESH_HZ
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import background_effects, build_config, make_overwrite_options
    from rimlight.factory.validation import validate_live

    said = parse_object_filter(keep, drop)
    chosen = background is not None or blur is not None or gray
    if not chosen and (mirror or keep or drop):
        blur, chosen = 20.0, True
    effects = None
    if chosen:
        effects = background_effects(
            background=background,
            blur=blur,
            gray=gray,
            fit=fit,
            mirror=mirror,
            refresh_hz=LIVE_REFRESH_HZ,
        )
    run = build_config(
        "live",
        source=source,
        source_options=turn_keys(rotate),
        sinks=sink or (["virtual-camera"] if on_demand else ()),
        segmenter=segmenter_keys(model, threads),
        effects=effects,
        refiners=said.as_refiners,
        pipeline=pipeline_keys(sync, when_unsure, allow_passthrough, max_latency),
        quality=quality,
        options=make_overwrite_options(overwrite=overwrite),
        config=config,
        settings=set_ or (),
    )
    validate_live(run)
    if dry_run:
        print_plan(run)
    else:
        from rimlight.live.session import Wishes

        wishes = Wishes(ctl, on_demand, share(cpu), fps)
        _run(run, wishes, quiet=quiet)


def _run(config: RunConfig, wishes: Wishes, *, quiet: bool) -> None:
    from rimlight.cli.run import console, figures, stop_on_signals, tell
    from rimlight.factory.pipeline import open_pipeline
    from rimlight.live.session import live_session
    from rimlight.live.status import delay_ms

    with console.status("opening", spinner="line") as status:
        tick: list[Callable[[], None]] = []

        def on_frame(_: Frame) -> None:
            tick[0]()

        with open_pipeline(config, on_frame=None if quiet else on_frame) as run:
            tell(run.notes)
            session = live_session(run, config, wishes, notify=console.print)
            with session as controls, stop_on_signals(run.pipeline):
                line = partial(_line, run.pipeline, controls)
                tick.append(every(STATUS_EVERY_S, lambda: status.update(line())))
                stats = run.pipeline.run()
                delay = delay_ms(run, stats)
            ended = _Ended.of(run)
    if not quiet or ended.failed:
        late = f", {delay:.0f} ms late (sync offset of the sound)" if delay else ""
        console.print(f"{ended.places}: {figures(stats)}{late}{ended.failed}", soft_wrap=True)
    if ended.error is not None:
        raise ended.error


@dataclass(frozen=True)
class _Ended:
    """What became of the sinks of a run.

    Attributes:
        places: where the results of those that lasted are.
        failed: names those that failed, "" where none did.
        error: why the first one failed.
    """

    places: str
    failed: str = ""
    error: Exception | None = None

    @classmethod
    def of(cls, run: OpenPipeline) -> _Ended:
        from rimlight.pipeline.live import LivePipeline

        failures = run.pipeline.failures if isinstance(run.pipeline, LivePipeline) else ()
        lost = {id(sink) for sink, _ in failures}
        named = [(place, id(sink)) for place, sink in zip(run.destinations, run.sinks, strict=True)]
        lasted = ", ".join(place for place, sink in named if sink not in lost)
        failed = ", ".join(place for place, sink in named if sink in lost)
        if not failures:
            return cls(lasted)
        return cls(lasted, f"; failed: {failed}", failures[0][1])


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
