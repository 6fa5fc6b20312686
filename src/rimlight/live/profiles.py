"""Profiles: named sets of the keys of a run that can change while it runs."""

from __future__ import annotations

import os
from pathlib import Path

from rimlight.core.config import EffectConfig, SegmenterConfig, read_yaml
from rimlight.core.options import Options, validate
from rimlight.system import app_paths


class Profile(Options):
    """A named set of the keys of a run that can change while it runs.

    Attributes:
        effects: the effects that replace those of the run; none: unchanged.
        segmenter: the segmenter that replaces that of the run; none: unchanged.
    """

    effects: tuple[EffectConfig, ...] | None = None
    segmenter: SegmenterConfig | None = None


def read_profile(name: str) -> Profile:
    """Return a profile by its name, or by the path of its file (.yaml).

    Raises:
        ConfigError: there is none, or one of its keys is wrong.
    """
    is_file = name.endswith((".yaml", ".yml"))
    path = Path(os.path.expanduser(name)) if is_file else _get_folder() / f"{name}.yaml"
    return validate(Profile, read_yaml(path), where=str(path))


def list_profiles() -> list[str]:
    """Return the names of the user's profiles, sorted."""
    return sorted(path.stem for path in _get_folder().glob("*.yaml") if path.is_file())


def _get_folder() -> Path:
    return app_paths.get_config_folder() / "profiles"
