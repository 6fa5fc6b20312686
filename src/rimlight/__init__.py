"""Rimlight cuts people, things and roads out of video as it plays.

The names below are the library; everything else may change. They are imported when first used,
so that `import rimlight` alone stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from rimlight.build import open_run
    from rimlight.config import RunConfig
    from rimlight.errors import (
        ConfigError,
        MissingDependencyError,
        ModelError,
        RimlightError,
        SinkError,
        SourceError,
        StopStream,
    )
    from rimlight.frame import Frame, Mask, SourceInfo
    from rimlight.jobs import job_config
    from rimlight.library import (
        open_effect,
        open_refiner,
        open_segmenter,
        open_sink,
        open_source,
    )
    from rimlight.pipeline.runner import Pipeline
    from rimlight.pipeline.settings import Settings
    from rimlight.pipeline.stats import Stats

_HOME = {
    "ConfigError": "errors",
    "Frame": "frame",
    "Mask": "frame",
    "MissingDependencyError": "errors",
    "ModelError": "errors",
    "Pipeline": "pipeline.runner",
    "RimlightError": "errors",
    "RunConfig": "config",
    "Settings": "pipeline.settings",
    "SinkError": "errors",
    "SourceError": "errors",
    "SourceInfo": "frame",
    "Stats": "pipeline.stats",
    "StopStream": "errors",
    "job_config": "jobs",
    "open_effect": "library",
    "open_refiner": "library",
    "open_run": "build",
    "open_segmenter": "library",
    "open_sink": "library",
    "open_source": "library",
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
    "job_config",
    "open_effect",
    "open_refiner",
    "open_run",
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
