"""From a run's description to open parts, closed in reverse by one ExitStack."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from rimlight.buffer import Policy
from rimlight.catalog.find import Catalog
from rimlight.config import PartConfig, PipelineConfig, RunConfig, SinkConfig
from rimlight.effects import EFFECTS
from rimlight.errors import ConfigError, SinkError, SourceReadError
from rimlight.frame import Frame, SourceInfo
from rimlight.options import Options, validate
from rimlight.pipeline.parts import Effect, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.runner import Pipeline, Settings
from rimlight.refiners import REFINERS
from rimlight.registry import Registry
from rimlight.segmenters import SEGMENTERS
from rimlight.sinks import SINKS
from rimlight.sources import SOURCES

log = logging.getLogger(__name__)

WIDE = 1.2
"""From this width to height on, the 16:9 model fits a picture better than the square one."""

RUNTIMES = ("tflite", "keras")
"""Segmenters that a card and its file lead to."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose parts are open.

    Attributes:
        pipeline: ready to `run()`.
        info: what the source is.
        notes: what the user should know: settings the camera refused, sinks that were left out.
    """

    pipeline: Pipeline
    info: SourceInfo
    notes: tuple[str, ...]


class ModelOptions(Options):
    """Options of the segmenter kind "model"; keys not named here go to the model's runtime."""

    model_config = Options.model_config | {"extra": "allow"}

    model: str = "auto"
    models_dir: Path | None = None


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
    with ExitStack() as stack:
        source = open_source(config.source)
        stack.callback(source.close)
        info = source.info
        sinks, left_out = _open_sinks(config, info, stack)
        segmenter = open_segmenter(config.segmenter, info.size)
        stack.callback(segmenter.close)
        refiners = [_closing(stack, open_refiner(part)) for part in config.refiners]
        effects = [_closing(stack, open_effect(part)) for part in config.effects]
        pipeline = Pipeline(
            source,
            segmenter,
            sinks,
            refiners=[*refiners, *watchers],
            effects=effects,
            settings=_settings(config.pipeline, is_live=info.is_live),
            on_frame=on_frame,
        )
        yield OpenRun(pipeline, info, (*info.notes, *left_out))


def check(config: RunConfig) -> None:
    """Check every part's options and find its model, without opening anything.

    Raises:
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    _options(SOURCES, config.source)
    _check_segmenter(config.segmenter)
    for registry, parts in ((REFINERS, config.refiners), (EFFECTS, config.effects)):
        for part in parts:
            _options(registry, part)
    for sink in config.sinks:
        _options(SINKS, sink)
    if config.pipeline.masks == "newest" and config.pipeline.policy == "wait":
        raise ConfigError(
            "pipeline.masks 'newest' drops frames, pipeline.policy 'wait' must not",
            hint="use policy: latest, or masks: own",
        )


def open_source(part: PartConfig) -> Source:
    """Open a source by its description."""
    cls, options = _options(SOURCES, part)
    return cast(Source, cls(options))


def open_refiner(part: PartConfig) -> Refiner:
    """Open a refiner by its description."""
    cls, options = _options(REFINERS, part)
    return cast(Refiner, cls(options))


def open_effect(part: PartConfig) -> Effect:
    """Open an effect by its description."""
    cls, options = _options(EFFECTS, part)
    return cast(Effect, cls(options))


def open_sink(part: SinkConfig, info: SourceInfo) -> Sink:
    """Open a sink for the frames of a source."""
    cls, options = _options(SINKS, part)
    sink = cast(Sink, cls(options, info))
    if not part.thread:
        return sink
    from rimlight.sinks.background import BackgroundSink

    return BackgroundSink(sink, info)


def open_segmenter(part: PartConfig, size: tuple[int, int] = (16, 9)) -> Segmenter:
    """Open a segmenter; the kind "model" takes a catalogue name, a card or a model file.

    Args:
        part: its description.
        size: (width, height) of the pictures; the model "auto" is chosen by their shape.
    """
    if part.kind != "model":
        _refuse_runtime(part)
        cls, options = _options(SEGMENTERS, part)
        return cast(Segmenter, cls(options))
    wanted = validate(ModelOptions, part.options, where="segmenter")
    name = wanted.model if wanted.model != "auto" else default_model(size)
    card, file = Catalog(wanted.models_dir).resolve(name)
    cls = SEGMENTERS.load(card.runtime)
    runtime = validate(cls.Options, wanted.model_extra or {}, where=f"model {name!r}")
    return cast(Segmenter, cls(card, file, runtime))


def default_model(size: tuple[int, int]) -> str:
    """Return the name of the person model that suits pictures of (width, height)."""
    return "selfie-landscape" if size[0] >= WIDE * size[1] else "selfie"


def _check_segmenter(part: PartConfig) -> None:
    if part.kind != "model":
        _refuse_runtime(part)
        _options(SEGMENTERS, part)
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


def _options(registry: Registry, part: PartConfig) -> tuple[type[Any], Any]:
    cls = registry.load(part.kind)
    options = validate(cls.Options, part.options, where=f"{registry.what} {part.kind!r}")
    return cls, options


def _closing(stack: ExitStack, part: Any) -> Any:
    stack.callback(part.close)
    return part


def _open_sinks(
    config: RunConfig, info: SourceInfo, stack: ExitStack
) -> tuple[list[Sink], list[str]]:
    """Open all sinks; optional ones that do not open are left out, but one must remain."""
    transparent = any(effect.kind == "cutout" for effect in config.effects)
    sinks: list[Sink] = []
    failures: list[SinkError] = []
    for part in config.sinks:
        try:
            sink = open_sink(_with_alpha(part) if transparent else part, info)
        except SinkError as exc:
            if not part.optional:
                raise
            failures.append(exc)
        else:
            stack.push(_finisher(sink))
            sinks.append(sink)
    if not sinks:
        raise failures[0]
    return sinks, [f"left out: {exc}" + (f" ({exc.hint})" if exc.hint else "") for exc in failures]


def _with_alpha(part: SinkConfig) -> SinkConfig:
    if "transparent" not in SINKS.load(part.kind).Options.model_fields:
        return part
    return part.model_copy(update={"transparent": part.options.get("transparent", True)})


def _finisher(sink: Sink) -> Callable[..., None]:
    """Close a sink that did well; let one go without a result when something else broke."""

    def finish(
        kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, SourceReadError):
            sink.close()
        else:
            sink.abort()

    return finish


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
