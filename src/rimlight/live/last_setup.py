"""Remembers the set-up of the last live run, so that `rimlight panel` can start it again."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.core.addresses import hide_secrets
from rimlight.core.config import RunConfig, parse_run, read_yaml
from rimlight.core.errors import ConfigError, RimlightError
from rimlight.core.options import Options, validate
from rimlight.live.session import LiveOptions
from rimlight.system import app_paths
from rimlight.system.atomic_io import make_folder, write_text


class _Record(Options):
    """What the file holds: plain values, for `LastSetup`."""

    folder: str
    run: dict[str, Any]
    on_demand: bool = False
    max_cpu: float | None = None
    min_fps: float | None = None


@dataclass(frozen=True, slots=True)
class LastSetup:
    """A live run that can be started again.

    Attributes:
        config: the run.
        options: how it is controlled.
        folder: the working directory that its relative paths start from.
    """

    config: RunConfig
    options: LiveOptions
    folder: Path


def get_setup_path() -> Path:
    """Return the path of the file that remembers the last set-up."""
    return app_paths.get_state_folder() / "last-live.yaml"


def save_setup(config: RunConfig, options: LiveOptions) -> None:
    """Remember a run; one that shows the room or holds passwords is not remembered.

    That it may replace a file was said for that run alone, so it is not remembered.
    A disk that cannot be written to is no reason to end a live run, so nothing is raised.
    """
    run = config.model_dump(mode="json", exclude_defaults=True)
    if config.pipeline.allow_passthrough or _has_secrets(run):
        return
    for sink in run.get("sinks", ()):
        sink.pop("overwrite", None)
    record = _Record(
        folder=os.getcwd(),
        run=run,
        on_demand=options.on_demand,
        max_cpu=options.max_cpu,
        min_fps=options.min_fps,
    )
    import yaml

    text = yaml.safe_dump(record.model_dump(exclude_defaults=True), allow_unicode=True)
    with suppress(RimlightError):
        make_folder(get_setup_path().parent)
        write_text(get_setup_path(), text)


def load_setup() -> LastSetup | None:
    """Return the last set-up; None if there is none.

    Raises:
        ConfigError: the file is damaged, or of another version.
    """
    path = get_setup_path()
    if not path.is_file():
        return None
    try:
        record = validate(_Record, read_yaml(path), where=str(path))
        config = parse_run(record.run, where=str(path))
    except ConfigError as exc:
        raise ConfigError(
            f"the last set-up cannot be used: {exc}", hint=f"delete {path}, or use rimlight live"
        ) from exc
    options = LiveOptions(None, record.on_demand, record.max_cpu, record.min_fps)
    return LastSetup(config, options, Path(record.folder))


def _has_secrets(value: Any) -> bool:
    """Return True if a text in plain data holds a password or token."""
    if isinstance(value, dict):
        return any(map(_has_secrets, value.values()))
    if isinstance(value, list):
        return any(map(_has_secrets, value))
    return isinstance(value, str) and hide_secrets(value) != value
