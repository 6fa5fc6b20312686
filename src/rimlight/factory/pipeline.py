"""From a run's description to open parts, closed in reverse by one ExitStack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rimlight.core.config import (
    EffectConfig,
    PipelineConfig,
    RunConfig,
    SegmenterConfig,
    SourceConfig,
)
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.frame_queue import Overflow
from rimlight.core.protocols import Effect, Refiner, Segmenter, Sink, Source, read_notes
from rimlight.factory import resume
from rimlight.factory.extra_outputs import open_extra_outputs, split_extra_outputs
from rimlight.factory.segmenter import open_segmenter, read_palette, separate_parts
from rimlight.factory.sinks import choose_dynamic_range, make_private, open_sinks
from rimlight.factory.validation import check_cover, validate_config
from rimlight.imaging import jit
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.pipeline import Pipeline
from rimlight.pipeline.settings import LiveSettings, MaskSync, Settings
from rimlight.sources.rotate import RotatedSource, rotate_source

if TYPE_CHECKING:
    from rimlight.refiners.lookahead import MaskLookahead
    from rimlight.sources.reconnect import CameraReopener


@dataclass(frozen=True, slots=True)
class OpenPipeline:
    """A run whose parts are open.

    Attributes:
        pipeline: ready to `run()`.
        source: where its frames come from.
        effects: what is made of them.
        sinks: where they go.
        info: what the source is.
        destinations: where the results of each sink go, for people.
        notes: what the user should know: settings the camera refused, sinks that were left out.
    """

    pipeline: Pipeline | LivePipeline
    source: Source
    effects: tuple[Effect, ...]
    sinks: tuple[Sink, ...]
    info: SourceInfo
    destinations: tuple[str, ...]
    notes: tuple[str, ...]


@contextmanager
def open_pipeline(
    config: RunConfig,
    *,
    observers: Sequence[Refiner] = (),
    on_frame: Callable[[Frame], None] | None = None,
    on_frame_tick: Callable[[], None] | None = None,
    on_control_tick: Callable[[], None] | None = None,
    open_model: Callable[[SegmenterConfig, tuple[int, int]], Segmenter] = open_segmenter,
) -> Iterator[OpenPipeline]:
    """Open every part of `config`; close all of them when the block ends.

    A block that ends well, or because the source broke off, keeps what the sinks wrote; any other
    error discards it.

    Args:
        config: the run.
        observers: refiners of the caller's own, run last: they see every mask.
        on_frame: called on the caller's thread after each frame.
        on_frame_tick: of a live run; see `LivePipeline`.
        on_control_tick: of a live run; see `LivePipeline`.
        open_model: opens the segmenter for pictures of (width, height).

    Raises:
        RimlightError: a part does not open; those opened before it are closed again.
    """
    config = separate_parts(config)
    validate_config(config)
    config = resume.assign_run_ids(make_private(config))
    with ExitStack() as stack:
        source = _keep_running(open_source(choose_dynamic_range(config).source), config)
        stack.callback(source.close)
        info = source.info
        check_cover(config, info.size[1])
        settings = _make_settings(config.pipeline, info)
        _warm_up(config, settings)
        main, extra = split_extra_outputs(config)
        sinks, places, left_out = open_sinks(main, info, stack)
        extra_outputs = open_extra_outputs(extra, info, stack=stack)
        segmenter = resume.open_segmenter(config, partial(open_model, config.segmenter, info.size))
        stack.callback(segmenter.close)
        ahead, known = _look_ahead(config, info)
        refiners = [_closing(stack, one) for one in resume.open_refiners(config)]
        painted = [_with_palette(part, config.segmenter) for part in config.effects]
        effects = [_closing(stack, effect.open()) for effect in painted]
        ticks = on_frame_tick, on_control_tick
        pipeline = _choose_pipeline(config.pipeline, ahead, info, ticks)(
            source,
            segmenter,
            sinks,
            refiners=[*refiners, *observers],
            effects=[*extra_outputs, *effects],
            settings=settings,
            on_frame=on_frame,
        )
        every = [*sinks, *(output.sink for output in extra_outputs)]
        plain = _explain_missing_jit(config.pipeline, settings)
        notes = (
            *info.notes,
            *read_notes(segmenter),
            *left_out,
            *plain,
            *known,
            *resume.skip_finished(config, source, every),
        )
        stack.callback(lambda: resume.mark_partial(source, every, cut_short=pipeline.cut_short))
        parts = tuple(effects), tuple(sinks)
        with resume.check_input_unchanged(config, source, every):
            yield OpenPipeline(pipeline, source, *parts, info, tuple(places), notes)


def open_source(config: SourceConfig) -> Source:
    """Open a source, its frames rotated as the config says."""
    return rotate_source(cast(Source, config.open()), config.rotate)


def _keep_running(first: Source, config: RunConfig) -> Source:
    """Let a live source come back when it is lost, and a file play at its own pace.

    Only in a run that continues after errors, as `rimlight live` does.

    Raises:
        ConfigError: `loop` is set for a source that has no end.
    """
    if config.pipeline.fallback is None:
        return first
    part = config.source
    if not first.info.is_live:
        return _play_live(first, part)
    if part.loop:
        raise ConfigError(f"{first.info.name} has no end to loop at", hint="leave loop out")
    from rimlight.sources.reconnect import ReconnectingSource

    if part.kind != "camera":
        return ReconnectingSource(first, partial(open_source, part))
    return ReconnectingSource(first, reconnect_camera(part, first))


def reconnect_camera(part: SourceConfig, first: Source) -> CameraReopener:
    """Return what opens a camera again, wherever it is plugged in.

    Args:
        part: its description.
        first: the camera, open.

    Raises:
        OSError: the camera cannot be identified.
    """
    from rimlight.sources.reconnect import CameraReopener

    stored = first.stored_size if isinstance(first, RotatedSource) else first.info.size
    return CameraReopener(part, stored, open_source)


def _play_live(first: Source, part: SourceConfig) -> Source:
    """Play a source that is not live at its own pace, if it has one; in a loop if requested."""
    from rimlight.sources.paced import PacedSource

    if part.loop:
        from rimlight.sources.looped import LoopedSource
        from rimlight.sources.reconnect import ReconnectingSource

        reopen = partial(open_source, part)

        def play(opened: Source) -> Source:
            return PacedSource(LoopedSource(opened, reopen))

        return ReconnectingSource(play(first), lambda: play(reopen()))
    return PacedSource(first) if part.component_class.has_media_clock else first


def _look_ahead(config: RunConfig, info: SourceInfo) -> tuple[MaskLookahead | None, list[str]]:
    """Open the stage that looks ahead, if the run has one; say how far it can.

    Raises:
        ConfigError: the source is live.
    """
    if not config.look_ahead or info.is_image_sequence:
        return None, []
    if info.is_live:
        raise ConfigError("a live source has nothing ahead", hint="leave look_ahead out")
    from rimlight.refiners.lookahead import MaskLookahead, limit_frames

    possible = limit_frames(config.look_ahead, info.size[0] * info.size[1] * 3 // 2)
    short = [f"looks {possible} frames ahead, for more the pictures are too large"]
    notes = short if possible < config.look_ahead else []
    return MaskLookahead(MaskLookahead.Options(frames=config.look_ahead)), notes


def _choose_pipeline(
    config: PipelineConfig,
    ahead: MaskLookahead | None,
    info: SourceInfo,
    ticks: tuple[Callable[[], None] | None, Callable[[], None] | None],
) -> Callable[..., Pipeline | LivePipeline]:
    if config.fallback is None:
        return partial(Pipeline, lookahead=ahead, skip_failed=info.is_image_sequence)
    live = LiveSettings(
        config.fallback,
        max_latency_s=config.max_latency_ms / 1000,
        max_scene_change=1.0 if config.allow_passthrough else config.max_scene_change,
    )
    return partial(LivePipeline, live=live, on_frame_tick=ticks[0], on_control_tick=ticks[1])


def _explain_missing_jit(config: PipelineConfig, settings: Settings) -> list[str]:
    """Return why a run that should have compiled loops has none; "auto" is silent."""
    with jit.use_jit(enabled=settings.jit):
        reason = jit.find_missing_reason()
    is_expected = config.jit == "auto" and reason and "not installed" in reason
    return (
        [f"without compiled loops, which is slower: {reason}"] if reason and not is_expected else []
    )


def _warm_up(config: RunConfig, settings: Settings) -> None:
    """Compile the loops before a sink opens: its first frame should not be a long one."""
    if any(part.component_class.composites for part in config.effects):
        with jit.use_jit(enabled=settings.jit):
            jit.warm_up()


def _with_palette(effect: EffectConfig, segmenter: SegmenterConfig) -> EffectConfig:
    """Let an overlay paint in the colors of the model's card, where the user named no others."""
    if effect.kind != "overlay":
        return effect
    return effect.with_options(palette={**read_palette(segmenter), **effect.options.palette})


def _closing(stack: ExitStack, part: Any) -> Any:
    stack.callback(part.close)
    return part


def _make_settings(config: PipelineConfig, info: SourceInfo) -> Settings:
    """Return the settings of a run, "auto" resolved.

    Live, every millisecond of a frame counts; for files memory and the first frame count more.
    """
    overflow, mask_sync = ("drop-oldest", "latest") if info.is_live else ("block", "exact")
    return Settings(
        overflow=Overflow(overflow if config.overflow == "auto" else config.overflow),
        mask_sync=cast(MaskSync, mask_sync if config.mask_sync == "auto" else config.mask_sync),
        queue_size=config.queue_size,
        max_bytes=int(config.queue_mb * 1e6),
        max_mask_age_s=config.max_mask_age_s,
        jit=jit.is_enabled() and (info.is_live if config.jit == "auto" else config.jit == "always"),
    )
