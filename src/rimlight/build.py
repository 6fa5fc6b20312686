"""From a run's description to open parts, closed in reverse by one ExitStack."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from rimlight import resume
from rimlight.asides import open_asides, split
from rimlight.buffer import Policy
from rimlight.catalog.find import Catalog
from rimlight.config import PartConfig, PipelineConfig, RunConfig
from rimlight.effects import COVERING, EFFECTS
from rimlight.errors import ConfigError
from rimlight.frame import Frame, SourceInfo
from rimlight.options import Options, validate
from rimlight.outputs import open_sinks, part_options
from rimlight.pipeline.live import LivePipeline, LiveSettings
from rimlight.pipeline.parts import Effect, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.runner import Pipeline, Settings
from rimlight.refiners import REFINERS
from rimlight.segmenters import SEGMENTERS
from rimlight.sinks import SINKS
from rimlight.sources import SOURCES

log = logging.getLogger(__name__)

WIDE = 1.2
"""From this width to height on, the 16:9 model fits a picture better than the square one."""

BEST_MARGINS = (0.2, 0.03, 0.1, 0.35)
"""Rooms around the people, in shares of their sides, that the best masks are averaged over."""

RUNTIMES = ("tflite", "keras", "instances")
"""Segmenters that a card and its file lead to."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose parts are open.

    Attributes:
        pipeline: ready to `run()`.
        source: where its frames come from.
        effects: what is made of them.
        sinks: where they go.
        info: what the source is.
        notes: what the user should know: settings the camera refused, sinks that were left out.
    """

    pipeline: Pipeline
    source: Source
    effects: tuple[Effect, ...]
    sinks: tuple[Sink, ...]
    info: SourceInfo
    notes: tuple[str, ...]


class ModelOptions(Options):
    """Options of the segmenter kind "model"; keys not named here go to the model's runtime."""

    model_config = Options.model_config | {"extra": "allow"}

    model: str = "auto"
    models_dir: Path | None = None
    focus: Annotated[
        Literal["none", "follow", "best"],
        Field(
            description="look closer at the people; follow: at little cost; best: several looks "
            "at every frame by both models, an order of magnitude slower. Models of more than "
            "people always see the whole"
        ),
    ] = "none"


@contextmanager
def open_run(
    config: RunConfig,
    *,
    watchers: Sequence[Refiner] = (),
    on_frame: Callable[[Frame], None] | None = None,
) -> Iterator[OpenRun]:
    """Open every part of `config`; close all of them when the block ends.

    A block that ends well, or because the source broke off, keeps what the sinks wrote; any other
    error discards it.

    Args:
        config: the run.
        watchers: refiners of the caller's own, run last: they see every mask.
        on_frame: called on the caller's thread after each frame.

    Raises:
        RimlightError: a part does not open; those opened before it are closed again.
    """
    check(config)
    config = resume.named(config)
    with ExitStack() as stack:
        source = _lasting(open_source(config.source), config)
        stack.callback(source.close)
        info = source.info
        main, beside = split(config)
        sinks, left_out = open_sinks(main, info, stack)
        asides = open_asides(beside, info, stack=stack, open_effect=open_effect)
        segmenter = open_segmenter(config.segmenter, info.size)
        stack.callback(segmenter.close)
        refiners = [_closing(stack, one) for one in resume.restarting(config, open_refiner)]
        effects = [_closing(stack, open_effect(part)) for part in config.effects]
        pipeline = _pipeline_kind(config.pipeline)(
            source,
            segmenter,
            sinks,
            refiners=[*refiners, *watchers],
            effects=[*asides, *effects],
            settings=_settings(config.pipeline, is_live=info.is_live),
            on_frame=on_frame,
        )
        every = [*sinks, *(aside.sink for aside in asides)]
        notes = (*info.notes, *left_out, *resume.go_on(config, source, every))
        stack.callback(resume.settle, source, every)
        yield OpenRun(pipeline, source, tuple(effects), tuple(sinks), info, notes)


def check(config: RunConfig) -> None:
    """Check every part's options and find its model, without opening anything.

    Raises:
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    part_options(SOURCES, config.source)
    _check_segmenter(config.segmenter)
    for registry, parts in ((REFINERS, config.refiners), (EFFECTS, config.effects)):
        for part in parts:
            part_options(registry, part)
    for sink in config.sinks:
        part_options(SINKS, sink)
        for part in sink.effects:
            part_options(EFFECTS, part)
    if config.pipeline.masks == "newest" and config.pipeline.policy == "wait":
        raise ConfigError(
            "pipeline.masks 'newest' drops frames, pipeline.policy 'wait' must not",
            hint="use policy: latest, or masks: own",
        )
    _check_cover(config)


def _check_cover(config: RunConfig) -> None:
    """Refuse a run that promises to cover the room and has no effect that does."""
    guarded = config.pipeline.when_unsure is not None and not config.pipeline.allow_passthrough
    if guarded and not any(part.kind in COVERING for part in config.effects):
        raise ConfigError(
            "no effect covers the background: the room would be seen",
            hint="choose --background or --blur; or ask for the room with --allow-passthrough",
        )


def open_source(part: PartConfig) -> Source:
    """Open a source by its description."""
    cls, options = part_options(SOURCES, part)
    return cast(Source, cls(options))


def open_refiner(part: PartConfig) -> Refiner:
    """Open a refiner by its description."""
    cls, options = part_options(REFINERS, part)
    return cast(Refiner, cls(options))


def open_effect(part: PartConfig) -> Effect:
    """Open an effect by its description."""
    cls, options = part_options(EFFECTS, part)
    return cast(Effect, cls(options))


def open_segmenter(part: PartConfig, size: tuple[int, int] = (16, 9)) -> Segmenter:
    """Open a segmenter; the kind "model" takes a catalogue name, a card or a model file.

    Args:
        part: its description.
        size: (width, height) of the pictures; the model "auto" is chosen by their shape.
    """
    if part.kind != "model":
        _refuse_runtime(part)
        cls, options = part_options(SEGMENTERS, part)
        return cast(Segmenter, cls(options))
    wanted = validate(ModelOptions, part.options, where="segmenter")
    if wanted.focus == "none" or not _knows_only_people(wanted):
        return _open_model(wanted, size)
    return _open_focus(wanted)


def _open_model(wanted: ModelOptions, size: tuple[int, int]) -> Segmenter:
    name = wanted.model if wanted.model != "auto" else default_model(size)
    card, file = Catalog(wanted.models_dir).resolve(name)
    cls = SEGMENTERS.load(card.runtime)
    runtime = validate(cls.Options, wanted.model_extra or {}, where=f"model {name!r}")
    return cast(Segmenter, cls(card, file, runtime))


def _knows_only_people(wanted: ModelOptions) -> bool:
    if wanted.model == "auto":
        return True
    card, _ = Catalog(wanted.models_dir).resolve(wanted.model)
    return len(card.classes) == 1 and card.output.kind in {"probability", "sigmoid"}


def _open_focus(wanted: ModelOptions) -> Segmenter:
    """Open a model that looks closer; "auto" brings both models, each for parts of its shape."""
    from rimlight.segmenters.average import AverageSegmenter
    from rimlight.segmenters.focus import FocusSegmenter

    wide = _open_model(wanted, (16, 9))
    tall = _open_model(wanted, (1, 1)) if wanted.model == "auto" else wide
    both = AverageSegmenter(list(dict.fromkeys((tall, wide))), mirrored=wanted.focus == "best")
    if wanted.focus == "best":
        return FocusSegmenter(both, lambda _: both, margins=BEST_MARGINS, always=True)
    return FocusSegmenter(both, lambda size: wide if is_wide(size) else tall)


def default_model(size: tuple[int, int]) -> str:
    """Return the name of the person model that suits pictures of (width, height)."""
    return "selfie-landscape" if is_wide(size) else "selfie"


def is_wide(size: tuple[int, int]) -> bool:
    """Whether a picture of (width, height) is nearer to 16:9 than to a square."""
    return size[0] >= WIDE * size[1]


def _lasting(first: Source, config: RunConfig) -> Source:
    """Let a live source come back when it is lost, in a run that goes on through errors."""
    if config.pipeline.when_unsure is None or not first.info.is_live:
        return first
    from rimlight.sources.reconnect import ReconnectingSource

    part = config.source
    if part.kind != "camera":
        return ReconnectingSource(first, partial(open_source, part))
    from rimlight.sources.identity import tracker

    where = tracker(part.options.get("device", 0))
    return ReconnectingSource(
        first, lambda: open_source(part.model_copy(update={"device": where()}))
    )


def _pipeline_kind(config: PipelineConfig) -> Callable[..., Pipeline]:
    if config.when_unsure is None:
        return Pipeline
    live = LiveSettings(config.when_unsure, max_latency_s=config.max_latency_ms / 1000)
    return partial(LivePipeline, live=live)


def _check_segmenter(part: PartConfig) -> None:
    if part.kind != "model":
        _refuse_runtime(part)
        part_options(SEGMENTERS, part)
        return
    wanted = validate(ModelOptions, part.options, where="segmenter")
    if wanted.model != "auto":
        Catalog(wanted.models_dir).resolve(wanted.model)


def _refuse_runtime(part: PartConfig) -> None:
    if part.kind in RUNTIMES:
        raise ConfigError(
            f"segmenter kind {part.kind!r} is chosen by the model file itself",
            hint="write {kind: model, model: NAME or FILE}",
        )


def _closing(stack: ExitStack, part: Any) -> Any:
    stack.callback(part.close)
    return part


def _settings(config: PipelineConfig, *, is_live: bool) -> Settings:
    policy = config.policy if config.policy != "auto" else ("latest" if is_live else "wait")
    masks = config.masks if config.masks != "auto" else ("newest" if is_live else "own")
    settings = Settings(
        policy=Policy(policy),
        capacity=config.capacity,
        max_bytes=int(config.max_mb * 1e6),
        max_mask_age_s=config.max_mask_age_s,
    )
    return replace(settings, masks=masks)
