"""What is wrong with a run's description, before anything of it is opened."""

from __future__ import annotations

import os

from rimlight.config import RunConfig
from rimlight.effects import COVERING, EFFECTS
from rimlight.errors import ConfigError
from rimlight.models import check_segmenter
from rimlight.outputs import part_options
from rimlight.refiners import REFINERS
from rimlight.sinks import SINKS
from rimlight.sources import SOURCES


def check(config: RunConfig) -> None:
    """Check every part's options and find its model, without opening anything.

    Raises:
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    part_options(SOURCES, config.source)
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
    _check_cover(config)


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


def _check_cover(config: RunConfig) -> None:
    """Refuse a run that promises to cover the room and has no effect, or not for all, that does."""
    if config.pipeline.when_unsure is None:
        return
    if any(sink.effects for sink in config.sinks):
        raise ConfigError(
            "the sinks of a live run show the same, as all are covered at once",
            hint="leave `effects` out of the sinks",
        )
    passes = config.pipeline.allow_passthrough
    if not passes and not any(part.kind in COVERING for part in config.effects):
        raise ConfigError(
            "no effect covers the background: the room would be seen",
            hint="choose --background or --blur; or ask for the room with --allow-passthrough",
        )
