"""Folders of the shipped files (models, configs, samples) and of the user's files.

The user's folders follow the XDG specification. platformdirs differs on Linux: it ignores relative
XDG variables, has another runtime folder, and raises for a user without a home folder.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

DataFolder = Literal["models", "configs", "samples"]


def find_data_folder(name: DataFolder) -> Path:
    """Return a shipped folder, of the installed package or of a checkout."""
    packaged = Path(str(files("rimlight"))) / "data" / name
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / name


def find_shared_folder() -> Path | None:
    """Return the folder of models and data kept outside the project, or None.

    `RIMLIGHT_SHARED` names it; without the variable it is `../shared` next to a checkout.
    """
    named = os.environ.get("RIMLIGHT_SHARED")
    guess = Path(named) if named else Path(__file__).parents[4] / "shared"
    return guess if guess.is_dir() else None


def get_user_folder(variable: str, below_home: str) -> Path:
    """Return one of the user's folders, which need not exist.

    Args:
        variable: the environment variable that names it.
        below_home: its default path in the user's home. A user without a home, as in a container
            that runs under a bare user ID, gets a path that cannot be created.
    """
    if base := os.environ.get(variable):
        return Path(base)
    try:
        return Path.home() / below_home
    except RuntimeError:
        return Path("/nonexistent") / below_home


def get_cache_folder() -> Path:
    """Return the user's folder for downloaded models (`RIMLIGHT_CACHE`, XDG, or ~/.cache)."""
    if named := os.environ.get("RIMLIGHT_CACHE"):
        return Path(named)
    return get_user_folder("XDG_CACHE_HOME", ".cache") / "rimlight"


def get_config_folder() -> Path:
    """Return the user's folder for profiles (XDG, or ~/.config)."""
    return get_user_folder("XDG_CONFIG_HOME", ".config") / "rimlight"


def get_data_folder() -> Path:
    """Return the folder of what the user adds, such as backgrounds (XDG, or ~/.local/share)."""
    return get_user_folder("XDG_DATA_HOME", ".local/share") / "rimlight"


def get_videos_folder() -> Path:
    """Return the user's folder of videos (XDG_VIDEOS_DIR, or ~/Videos)."""
    return get_user_folder("XDG_VIDEOS_DIR", "Videos")


def get_state_folder() -> Path:
    """Return the user's folder for what lasts between runs (XDG, or ~/.local/state)."""
    return get_user_folder("XDG_STATE_HOME", ".local/state") / "rimlight"


def get_runtime_folder() -> Path:
    """Return the user's folder for sockets: XDG's, or a private one in the cache."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) if base else get_cache_folder() / "run"
