"""What is wrong with a run's description, before anything of it is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from rimlight.core.config import EffectConfig, RunConfig, SinkConfig
from rimlight.core.errors import ConfigError, SinkError
from rimlight.factory.cover import check_effects, check_kept
from rimlight.factory.segmenter import check_segmenter, read_foreground
from rimlight.factory.sinks import is_transparent
from rimlight.sinks import SINKS
from rimlight.sinks.output_paths import (
    can_hold_alpha,
    check_writable_file,
    find_name_key,
    get_file_id,
    get_file_ids,
    is_single_image,
)
from rimlight.sinks.result_record import can_replace
from rimlight.sinks.video.segment_index import is_partial_result
from rimlight.system.atomic_io import is_special_file

_LONGEST_PATH = 4096


def validate_config(config: RunConfig, *, check_paths: bool = True) -> None:
    """Check every part's options and find its model, without opening anything.

    Args:
        config: the run.
        check_paths: check too that results can be written where they go, and replace nothing.

    Raises:
        SinkError: a result would replace an input or a file of others, or cannot be written.
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    _ = config.source.options
    check_segmenter(config.segmenter)
    for component in (*config.refiners, *config.effects):
        _ = component.options
    for number, sink in enumerate(config.sinks):
        _ = [component.options for component in (sink, *sink.effects)]
        _ = sink.unless and SINKS.entry(sink.unless)
        _check_raw(sink, number, sink.effects or config.effects)
    if check_paths:
        _check_places(config)
    if config.pipeline.mask_sync == "latest" and config.pipeline.overflow == "block":
        raise ConfigError(
            "pipeline.mask_sync 'latest' drops frames, pipeline.overflow 'block' must not",
            hint="use overflow: drop-oldest, or mask_sync: exact",
        )
    if config.source.loop and config.pipeline.fallback is None:
        raise ConfigError("only a live run plays its source in a loop", hint="leave loop out")
    if config.look_ahead and (config.pipeline.mask_sync == "latest" or config.pipeline.fallback):
        raise ConfigError("a live run cannot look ahead", hint="leave look_ahead out")
    check_cover(config)


def validate_live(config: RunConfig) -> None:
    """Check what only a live run promises: no frame without a mask of its own moment.

    Raises:
        ConfigError: that rule is switched off, and the room was not asked for.
    """
    if config.pipeline.fallback is None and not config.pipeline.allow_passthrough:
        raise ConfigError(
            "without pipeline.fallback nothing sees to it that a live run covers the room",
            hint="keep it at last, blur or background; or set allow_passthrough=true to show the "
            "room",
        )


def _check_places(config: RunConfig) -> None:
    """Refuse results that would overwrite each other, an input, or files that others made."""
    sinks = [(sink, sink.path) for sink in config.sinks if sink.path]
    _check_apart(sinks)
    inputs = get_file_ids(find_input_files(config))
    is_live = config.pipeline.fallback is not None
    is_stored = not is_live and os.path.exists(config.source.path)
    for sink, path in sinks:
        if get_file_id(path) in inputs:
            raise SinkError(f"{path} is an input of this run", hint="write to another name")
        _check_alpha(sink, path, sink.effects or config.effects)
        is_file = sink.kind == "video" or is_single_image(path)
        # A live recording takes a free name by itself, once the source says that it is live.
        if is_file and is_stored and not is_special_file(path) and not is_partial_result(path):
            options = sink.options
            overwrite = can_replace(path, options.record, overwrite=options.overwrite)
            check_writable_file(path, overwrite=overwrite)


def find_input_files(config: RunConfig) -> set[Path]:
    """Return the existing files that a run reads: input, background, model, list of pictures."""
    read = config.model_dump(mode="json", exclude={"sinks": {"__all__": {"path"}}})
    return set(_existing(read))


def _existing(value: Any) -> Iterator[Path]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _existing(item)
    elif isinstance(value, str) and 0 < len(value) <= _LONGEST_PATH:
        path = Path(os.path.expanduser(value.removeprefix("@")))
        if os.path.isfile(path):
            yield path


def _check_apart(sinks: Sequence[tuple[SinkConfig, Path]]) -> None:
    """Refuse two results at one path, as the file system compares names."""
    places = [Path(os.path.realpath(path)) for _, path in sinks]
    key = find_name_key(places[0].parent, map(str, places)) if places else str
    named = [(key(str(place)), sink) for place, (sink, _) in zip(places, sinks, strict=True)]
    for (place, sink), (other_place, other) in combinations(named, 2):
        if place == other_place and not _differ_in_kind(sink, other):
            raise ConfigError(
                f"two results would lie at {other.path}", hint="give one another name"
            )
        for inner, outer, one in ((place, other_place, sink), (other_place, place, other)):
            if one.kind == "images" and os.path.dirname(inner) == outer:
                raise ConfigError(
                    f"{one.path} would lie among the pictures of another result",
                    hint="write it to another folder",
                )


def _differ_in_kind(sink: SinkConfig, other: SinkConfig) -> bool:
    """Return True for folders of pictures whose names cannot meet."""
    if not sink.kind == other.kind == "images":
        return False
    formats = {sink.options.format, other.options.format}
    return len(formats) == 2 and "auto" not in formats


def _check_alpha(sink: SinkConfig, path: Path, effects: Sequence[EffectConfig]) -> None:
    """Refuse to cut out into pictures that cannot be transparent."""
    if sink.kind != "images" or not is_transparent(effects):
        return
    kind = sink.options.format
    if not can_hold_alpha(path, kind):
        raise SinkError(
            f"{path} cannot hold alpha as {path.suffix[1:] if is_single_image(path) else kind}",
            hint="write png or webp pictures, or choose a background",
        )


def _check_raw(sink: SinkConfig, number: int, effects: Sequence[EffectConfig]) -> None:
    """Refuse to cut out into raw frames that have no place for transparency."""
    if sink.kind == "pipe" and sink.options.pixel_format != "rgba" and is_transparent(effects):
        raise SinkError(
            f"raw frames as {sink.options.pixel_format} cannot hold alpha",
            hint=f"use --set sinks.{number}.pixel_format=rgba, or choose a background",
        )


def check_cover(config: RunConfig, height: int | None = None) -> None:
    """Refuse a run that promises to cover the room and has no effect that does.

    Args:
        config: the run.
        height: of its pictures, in pixels, once it is known: a blur covers by its share of that.

    Raises:
        ConfigError: the room would be seen.
    """
    if config.pipeline.fallback is None:
        return
    if any(sink.effects for sink in config.sinks):
        raise ConfigError(
            "the sinks of a live run show the same, as all are covered at once",
            hint="leave `effects` out of the sinks",
        )
    if config.pipeline.allow_passthrough:
        return
    check_effects(config.effects, height)
    check_kept(read_foreground(config.segmenter), "the model")
    for part in config.refiners:
        if part.kind == "select":
            check_kept(part.options.keep, "the refiner 'select'")
