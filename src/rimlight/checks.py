"""What is wrong with a run's description, before anything of it is opened."""

from __future__ import annotations

import os

from rimlight.config import RunConfig
from rimlight.cover import check_effects, check_kept
from rimlight.effects import EFFECTS
from rimlight.errors import ConfigError
from rimlight.models import check_segmenter, foreground_of
from rimlight.outputs import part_options
from rimlight.refiners import REFINERS
from rimlight.sinks import SINKS
from rimlight.sources import SOURCES
from rimlight.sources.turned import split_turn


def check(config: RunConfig) -> None:
    """Check every part's options and find its model, without opening anything.

    Raises:
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    part_options(SOURCES, split_turn(config.source)[0])
    check_segmenter(config.segmenter)
    for registry, parts in ((REFINERS, config.refiners), (EFFECTS, config.effects)):
        for part in parts:
            part_options(registry, part)
    for sink in config.sinks:
        part_options(SINKS, sink)
        for part in sink.effects:
            part_options(EFFECTS, part)
    _check_places(config)
    if config.pipeline.masks == "newest" and config.pipeline.policy == "wait":
        raise ConfigError(
            "pipeline.masks 'newest' drops frames, pipeline.policy 'wait' must not",
            hint="use policy: latest, or masks: own",
        )
    if config.look_ahead and (config.pipeline.masks == "newest" or config.pipeline.when_unsure):
        raise ConfigError("a live run cannot look ahead", hint="leave look_ahead out")
    check_cover(config)


def check_live(config: RunConfig) -> None:
    """Check what only a live run promises: no frame without a mask of its own moment.

    Raises:
        ConfigError: that rule is switched off, and the room was not asked for.
    """
    if config.pipeline.when_unsure is None and not config.pipeline.allow_passthrough:
        raise ConfigError(
            "without pipeline.when_unsure nothing sees to it that a live run covers the room",
            hint="leave it at last, blur or background; or ask for the room with "
            "--allow-passthrough",
        )


def _check_places(config: RunConfig) -> None:
    """Refuse a run whose results would overwrite each other, as a video and its matte might."""
    taken = set()
    for options in (sink.options for sink in config.sinks):
        if "path" not in options:
            continue
        place = os.path.abspath(options["path"]), options.get("format")
        if place in taken:
            raise ConfigError(
                f"two results would lie at {options['path']}", hint="give one another name"
            )
        taken.add(place)


def check_cover(config: RunConfig, height: int | None = None) -> None:
    """Refuse a run that promises to cover the room and has no effect, or not for all, that does.

    Args:
        config: the run.
        height: of its pictures, in pixels, once it is known: a blur covers by its share of that.

    Raises:
        ConfigError: the room would be seen.
    """
    if config.pipeline.when_unsure is None:
        return
    if any(sink.effects for sink in config.sinks):
        raise ConfigError(
            "the sinks of a live run show the same, as all are covered at once",
            hint="leave `effects` out of the sinks",
        )
    if config.pipeline.allow_passthrough:
        return
    check_effects(config.effects, height)
    check_kept(foreground_of(config.segmenter), "the model")
    for part in config.refiners:
        if part.kind == "choose":
            check_kept(part.options.get("keep") or (), "the refiner 'choose'")
