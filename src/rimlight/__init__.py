"""Rimlight cuts people, things and roads out of video as it plays.

The names below are the library; everything else may change. They are imported when first used,
so that `import rimlight` alone stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from rimlight.core.config import RunConfig
    from rimlight.core.errors import (
        ConfigError,
        MissingDependencyError,
        ModelError,
        RimlightError,
        SinkError,
        SourceError,
        StopStream,
    )
    from rimlight.core.frame import Frame, Mask, SourceInfo
    from rimlight.factory.api import (
        open_effect,
        open_refiner,
        open_segmenter,
        open_sink,
        open_source,
    )
    from rimlight.factory.pipeline import open_pipeline
    from rimlight.factory.presets import build_config
    from rimlight.pipeline.pipeline import Pipeline
    from rimlight.pipeline.settings import Settings
    from rimlight.pipeline.stats import Stats

_HOME = {
    "ConfigError": "core.errors",
    "Frame": "core.frame",
    "Mask": "core.frame",
    "MissingDependencyError": "core.errors",
    "ModelError": "core.errors",
    "Pipeline": "pipeline.pipeline",
    "RimlightError": "core.errors",
    "RunConfig": "core.config",
    "Settings": "pipeline.settings",
    "SinkError": "core.errors",
    "SourceError": "core.errors",
    "SourceInfo": "core.frame",
    "Stats": "pipeline.stats",
    "StopStream": "core.errors",
    "build_config": "factory.presets",
    "open_effect": "factory.api",
    "open_refiner": "factory.api",
    "open_pipeline": "factory.pipeline",
    "open_segmenter": "factory.api",
    "open_sink": "factory.api",
    "open_source": "factory.api",
}

__all__ = [
    "ConfigError",
    "Frame",
    "Mask",
    "MissingDependencyError",
    "ModelError",
    "Pipeline",
    "RimlightError",
    "RunConfig",
    "Settings",
    "SinkError",
    "SourceError",
    "SourceInfo",
    "Stats",
    "StopStream",
    "build_config",
    "open_effect",
    "open_pipeline",
    "open_refiner",
    "open_segmenter",
    "open_sink",
    "open_source",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("rimlight")
    if name not in _HOME:
        raise AttributeError(f"module 'rimlight' has no attribute {name!r}")
    return getattr(import_module(f"rimlight.{_HOME[name]}"), name)
