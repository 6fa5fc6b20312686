"""`rimlight live`: a camera or a stream in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rimlight.cli.flags import (
    AllowPassthrough,
    Background,
    Blur,
    BlurShape,
    ConfigFile,
    ControlSocket,
    Device,
    DryRun,
    Exclude,
    Fallback,
    Fit,
    Framing,
    Gray,
    GreenScreen,
    Keep,
    LiveSink,
    LiveSource,
    Loop,
    MaskSync,
    MatchLight,
    MaxCpu,
    MaxLatency,
    MinFps,
    Mirror,
    Model,
    MoreEffects,
    OnDemand,
    Overwrite,
    Panel,
    PanelPort,
    Quality,
    Quiet,
    Rotate,
    Scene,
    Settings,
    Threads,
    check_effect_flags,
    drop_unset,
    make_effect_options,
    make_green_screen_keys,
    make_more_effects,
    make_rotation_keys,
    make_segmenter_keys,
)
from rimlight.core.errors import ConfigError

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig
    from rimlight.core.frame import Frame
    from rimlight.factory.pipeline import OpenPipeline
    from rimlight.live.commands import LiveCommands
    from rimlight.live.session import LiveOptions
    from rimlight.pipeline.live import LivePipeline
    from rimlight.pipeline.pipeline import Pipeline

STATUS_INTERVAL_S = 1.0


def live(
    *,
    source: LiveSource = None,
    rotate: Rotate = None,
    loop: Loop = False,
    sink: LiveSink = None,
    overwrite: Overwrite = False,
    background: Background = None,
    blur: Blur = None,
    blur_shape: BlurShape = None,
    gray: Gray = False,
    fit: Fit = "fill",
    mirror: Mirror = False,
    scene: Scene = None,
    match_light: MatchLight = None,
    effect: MoreEffects = None,
    framing: Framing = False,
    keep: Keep = None,
    exclude: Exclude = None,
    model: Model = None,
    green_screen: GreenScreen = None,
    quality: Quality = None,
    threads: Threads = None,
    device: Device = None,
    mask_sync: MaskSync = None,
    fallback: Fallback = None,
    allow_passthrough: AllowPassthrough = False,
    max_latency: MaxLatency = None,
    max_cpu: MaxCpu = None,
    min_fps: MinFps = None,
    on_demand: OnDemand = False,
    panel: Panel = False,
    panel_port: PanelPort = None,
    control_socket: ControlSocket = None,
    config: ConfigFile = None,
    set_: Settings = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Replace or blur the background of a camera in real time.

    The result goes to a virtual camera, a window, a file or a web page. By default the background
    is blurred. Ctrl-C, or q in the window, ends the run.

    Keys in the window and on the terminal: b next background, + and - blur, m mirror, z framing,
    c corner of the person, [ and ] size, f freeze, p or space blanks all outputs.
    `rimlight ctl` sends the same commands from another terminal.

      rimlight live --background office.jpg

      rimlight live --source /dev/video0 --sink virtual-camera:/dev/video10 --sink window

      rimlight live --background office.jpg --match-light 0.6 --effect layer:lower-third.png

      rimlight live --scene slides/ --framing

      rimlight live --green-screen '#00b140' --background studio.mp4 --framing

      rimlight live --source slides/ --loop --sink pipewire

      rimlight live --source rtsp://camera.local/stream --sink window --sink video:rec.mp4
    """
    from rimlight.cli.console import print_plan
    from rimlight.effects import LIVE_REFRESH_HZ
    from rimlight.factory.object_filter import parse_object_filter
    from rimlight.factory.presets import background_effects, build_config, make_overwrite_options
    from rimlight.factory.validation import validate_live

    selection = parse_object_filter(keep, exclude)
    if scene is not None:
        if background is not None or blur is not None or gray:
            raise ConfigError("choose --scene or another background", hint=f"--scene {scene}")
        background, fit = scene, "fit" if fit == "fill" else fit
        effect = ["inset", *(effect or ())]
    has_background = background is not None or blur is not None or gray
    if not has_background and (mirror or keep or exclude):
        blur, has_background = 20.0, True
    effects = None
    if has_background:
        effects = background_effects(
            background=background,
            blur=blur,
            gray=gray,
            fit=fit,
            mirror=mirror,
            refresh_hz=LIVE_REFRESH_HZ,
        )
    keyed = make_green_screen_keys(green_screen, model)
    pipeline = {
        "mask_sync": mask_sync,
        "fallback": fallback,
        "allow_passthrough": allow_passthrough or None,
        "max_latency_ms": max_latency,
    }
    run = build_config(
        "live",
        source=source,
        source_options={**make_rotation_keys(rotate), **({"loop": True} if loop else {})},
        sinks=sink or (),
        segmenter=keyed or make_segmenter_keys(model, threads, device),
        effects=effects,
        more_effects=make_more_effects(effect, keyed, framing=framing),
        refiners=selection.as_refiners,
        pipeline=drop_unset(pipeline),
        quality=quality,
        options=make_overwrite_options(overwrite=overwrite)
        | make_effect_options(blur_shape, match_light),
        config=config,
        settings=set_ or (),
    )
    check_effect_flags(run, blur_shape, match_light)
    if on_demand and not sink:
        run = _keep_virtual_cameras(run)
    if panel or panel_port is not None:
        run = add_panel(run, panel_port)
    validate_live(run)
    if dry_run:
        print_plan(run)
    else:
        from rimlight.live.quality import parse_cpu_share
        from rimlight.live.session import LiveOptions

        share = None if max_cpu is None else parse_cpu_share(max_cpu)
        options = LiveOptions(control_socket, on_demand, share, min_fps)
        run_live(run, options, quiet=quiet)


def _keep_virtual_cameras(run: RunConfig) -> RunConfig:
    """Return `run` without the sinks that cannot tell whether a program watches, if any can."""
    from rimlight.core.protocols import SupportsOnDemand

    cameras = [sink for sink in run.sinks if issubclass(sink.component_class, SupportsOnDemand)]
    return run.model_copy(update={"sinks": tuple(cameras)}) if cameras else run


def add_panel(run: RunConfig, port: int | None) -> RunConfig:
    """Return `run` with the panel as one more sink, unless it has one."""
    from rimlight.core.config import SinkConfig

    if any(sink.kind == "panel" for sink in run.sinks):
        return run
    given = drop_unset({"port": port})
    panel = SinkConfig.model_validate({"kind": "panel", **given})
    return run.model_copy(update={"sinks": (*run.sinks, panel)})


def run_live(
    config: RunConfig,
    options: LiveOptions,
    *,
    quiet: bool,
    on_panel: Callable[[str], None] | None = None,
) -> None:
    """Run until the source or the user ends it, and remember the set-up.

    Args:
        config: the run.
        options: how it is controlled.
        quiet: print no status line.
        on_panel: called with the address of the panel once it is there.

    Raises:
        RimlightError: a component does not open, or the run failed.
    """
    from rimlight.cli.console import console, format_figures, print_notes, stop_on_signals
    from rimlight.factory.pipeline import open_pipeline
    from rimlight.live.last_setup import save_setup
    from rimlight.live.session import LiveSession
    from rimlight.live.status import compute_delay_ms

    with console.status("opening", spinner="line") as status:
        tick: list[Callable[[], None]] = []

        def on_frame(_: Frame) -> None:
            tick[0]()

        session = LiveSession(options, notify=console.print)
        with open_pipeline(
            config,
            on_frame=None if quiet else on_frame,
            on_frame_tick=session.on_frame_tick,
            on_control_tick=session.on_control_tick,
        ) as run:
            print_notes(run.notes)
            with session.attach(run, config) as commands, stop_on_signals(run.pipeline):
                line = partial(_format_status, run.pipeline, commands)
                tick.append(make_throttled(STATUS_INTERVAL_S, lambda: status.update(line())))
                save_setup(config, options)
                _announce_panel(run, on_panel)
                stats = run.pipeline.run()
                if commands:
                    save_setup(commands.get_config(), options)
                delay = compute_delay_ms(run, stats)
            ended = _Ended.of(run)
    if not quiet or ended.failed:
        late = f", {delay:.0f} ms late (sync offset of the sound)" if delay else ""
        console.print(
            f"{ended.places}: {format_figures(stats)}{late}{ended.failed}", soft_wrap=True
        )
    if ended.error is not None:
        raise ended.error


def _announce_panel(run: OpenPipeline, on_panel: Callable[[str], None] | None) -> None:
    from rimlight.core.protocols import SupportsCommands

    panel = next((sink for sink in run.sinks if isinstance(sink, SupportsCommands)), None)
    if panel and on_panel:
        on_panel(panel.url)


@dataclass(frozen=True)
class _Ended:
    """How the sinks of a run ended.

    Attributes:
        places: where the results of the sinks that did not fail are.
        failed: the sinks that failed, "" if none did.
        error: the error of the first one that failed.
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


def make_throttled(interval_s: float, action: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls `action`, but at most once in `interval_s` seconds."""
    due = time.monotonic() + interval_s

    def tick() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + interval_s
            action()

    return tick


def _format_status(pipeline: Pipeline | LivePipeline, commands: LiveCommands | None) -> str:
    stats = pipeline.stats
    latency = stats.stages["latency"]
    age = stats.stages.get("mask age")
    text = f"{stats.per_second:.1f} fps, latency {latency.median_ms:.0f} ms"
    text += f", mask {age.median_ms:.0f} ms older" if age and age.median_ms >= 1 else ""
    lost = sum(stats.dropped.values())
    text += f", {lost} dropped" if lost else ""
    return text + _format_state(commands) + " (Ctrl-C ends)"


def _format_state(commands: LiveCommands | None) -> str:
    """Return what differs from normal operation."""
    if commands is None:
        return ""
    now = commands.get_status()
    words = [] if now.state == "live" else [now.state.upper()]
    words += [word for word, is_so in (("COVERED", now.panic), ("FROZEN", now.frozen)) if is_so]
    words += [now.problem] if now.problem else []
    words += [f"without {', '.join(now.degraded)}"] if now.degraded else []
    return "".join(f", {word}" for word in words)
