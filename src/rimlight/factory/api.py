"""Open single parts by the words that the command line uses: for programs of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rimlight.core.config import (
    EffectConfig,
    RefinerConfig,
    SegmenterConfig,
    SinkConfig,
    SourceConfig,
)
from rimlight.core.frame import SourceInfo
from rimlight.core.protocols import Effect, Refiner, Segmenter, Sink, Source
from rimlight.factory import pipeline, segmenter, sinks
from rimlight.sinks import guess_sink
from rimlight.sources import guess_source

Choices = Mapping[str, Any]


def open_source(spec: str, options: Choices | None = None) -> Source:
    """Open a camera, a video, a folder or glob of images, a URL, or "test-pattern".

    A camera is named "0" or "/dev/video0".

    Raises:
        SourceOpenError: it does not open.
        ConfigError: an option is unknown or wrong.
    """
    return pipeline.open_source(SourceConfig(**{**guess_source(spec), **(options or {})}))


def open_segmenter(model: str = "auto", options: Choices | None = None) -> Segmenter:
    """Open a model by its name in the catalog, its card, or its file.

    Raises:
        ModelError: it is not here, or not what its card says.
        ConfigError: an option is unknown or wrong.
    """
    return segmenter.open_segmenter(SegmenterConfig(kind="model", model=model, **(options or {})))


def open_refiner(kind: str, options: Choices | None = None) -> Refiner:
    """Open a refiner: "smooth", "clean", "feather" and others.

    Raises:
        ConfigError: there is none of that name, or an option is unknown or wrong.
    """
    return cast(Refiner, RefinerConfig(kind=kind, **(options or {})).open())


def open_effect(kind: str, options: Choices | None = None) -> Effect:
    """Open an effect: "replace", "blur", "cutout", "overlay" and others.

    Raises:
        ConfigError: there is none of that name, or an option is unknown or wrong.
    """
    return cast(Effect, EffectConfig(kind=kind, **(options or {})).open())


def open_sink(spec: str, info: SourceInfo, options: Choices | None = None) -> Sink:
    """Open "out.mp4", "cutouts/", "window", "virtual-camera:/dev/video10" or "null".

    Args:
        spec: where the frames go.
        info: the `info` of the source that the frames come from.
        options: what else the sink should know, such as {"crf": 20}.

    Raises:
        SinkError: it does not open.
        ConfigError: an option is unknown or wrong.
    """
    return sinks.open_sink(SinkConfig(**{**guess_sink(spec), **(options or {})}), info)
