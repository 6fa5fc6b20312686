"""Rimlight cuts people, things and roads out of video as it plays.

The names below are the library; everything else may change. They are imported when first used,
so that `import rimlight` alone stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rimlight.errors import ConfigError, ModelError, RimlightError, SinkError, SourceError
    from rimlight.frame import Frame, Mask, SourceInfo

_HOME = {
    "ConfigError": "errors",
    "Frame": "frame",
    "Mask": "frame",
    "ModelError": "errors",
    "RimlightError": "errors",
    "SinkError": "errors",
    "SourceError": "errors",
    "SourceInfo": "frame",
}

__all__ = [
    "ConfigError",
    "Frame",
    "Mask",
    "ModelError",
    "RimlightError",
    "SinkError",
    "SourceError",
    "SourceInfo",
]

__version__ = version("rimlight")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rimlight' has no attribute {name!r}")
    return getattr(import_module(f"rimlight.{_HOME[name]}"), name)
