"""A run, described as data: a job's defaults, then a YAML file, then `--set`, then flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from rimlight.core.documents import DocumentError, parse_yaml, read_text
from rimlight.core.errors import ConfigError
from rimlight.core.options import Options, validate


class PartConfig(BaseModel):
    """One part by name; the part's own Options class checks the rest."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class PipelineConfig(Options):
    """How frames travel between the threads."""

    policy: Annotated[
        Literal["auto", "latest", "wait"],
        Field(description="what a full buffer does; auto: drop when live, wait when not"),
    ] = "auto"
    masks: Annotated[
        Literal["auto", "own", "newest"],
        Field(description="which mask a frame wears: its own, or the newest there is (live)"),
    ] = "auto"
    capacity: Annotated[int, Field(ge=1, le=64, description="frames between two stages")] = 2
    max_mb: Annotated[float, Field(gt=0, description="megabytes between two stages")] = 64
    max_mask_age_s: Annotated[float, Field(gt=0, description="an older mask is not used")] = 0.5
    max_changed: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="live: share of the picture that may look other than in the one its mask "
            "was made of, as after a torn picture or a turn of the camera; 1: any",
        ),
    ] = 0.1
    when_unsure: Annotated[
        Literal["last", "blur", "background"] | None,
        Field(
            description="what is shown while no frame has a valid mask, so that the run goes on "
            "through errors: the last safe picture, that one smeared, or the background alone; "
            "none: an error ends the run"
        ),
    ] = None
    allow_passthrough: Annotated[
        bool, Field(description="with when_unsure: let the room be seen, as no effect covers it")
    ] = False
    max_latency_ms: Annotated[
        float, Field(gt=0, description="live: an older frame is left out where there is a newer")
    ] = 100
    compiled: Annotated[
        Literal["auto", "always", "never"],
        Field(
            description="compiled loops (extra fast); auto: when live. They take a little off "
            "every frame, but 130 MB of memory and a second before the first"
        ),
    ] = "auto"


class SinkConfig(PartConfig):
    """A sink by name, and how it is put into the run."""

    optional: Annotated[bool, Field(description="left out, with a note, when it does not open")] = (
        False
    )
    thread: Annotated[bool, Field(description="write on a thread of its own")] = False
    effects: Annotated[
        tuple[PartConfig, ...], Field(description="instead of the run's, for this sink alone")
    ] = ()


class RunConfig(Options):
    """One run from source to sinks."""

    source: PartConfig
    segmenter: PartConfig
    refiners: tuple[PartConfig, ...] = ()
    look_ahead: Annotated[
        int, Field(ge=0, le=60, description="frames that a mask may know of those after it")
    ] = 0
    effects: tuple[PartConfig, ...] = ()
    sinks: Annotated[tuple[SinkConfig, ...], Field(min_length=1)]
    pipeline: PipelineConfig = PipelineConfig()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not hold a mapping.
    """
    try:
        data = parse_yaml(read_text(path))
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", hint="check the path") from exc
    except DocumentError as exc:
        raise ConfigError(f"{path} is not valid YAML: {exc}") from exc
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold 'key: value' lines, got {type(data).__name__}")
    return data


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` on top: mappings merge key by key, all else is replaced.

    A part that changes its `kind` starts anew: options of another kind do not carry over.
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merge(old, value) if _same_part(old, value) else value
    return result


def apply_settings(data: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Return `data` with settings such as "segmenter.threads=2" or "sinks.0.crf=20" applied.

    Raises:
        ConfigError: a setting has no "=", or its path leads through something that has no keys.
    """
    result: dict[str, Any] = _copied(data)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--set {setting!r} must be key=value", hint="--set pipeline.capacity=2"
            )
        _assign(result, key.split("."), _scalar(value), setting)
    return result


def load_run(data: Mapping[str, Any], *, where: str) -> RunConfig:
    """Check a whole run.

    Raises:
        ConfigError: a key is unknown or a value wrong; `where` names the file in the message.
    """
    return validate(RunConfig, data, where=where)


def parse_spec(spec: str, kinds: Sequence[str]) -> tuple[str, str | None]:
    """Split "video:out.mp4" into ("video", "out.mp4") when the first word is one of `kinds`.

    Anything else is returned whole as ("", spec): the caller guesses the kind from it.
    """
    kind, colon, rest = spec.partition(":")
    if kind in kinds:
        return kind, rest if colon else None
    return "", spec


def _same_part(old: Any, new: Any) -> TypeGuard[Mapping[str, Any]]:
    both = isinstance(old, Mapping) and isinstance(new, Mapping)
    return both and new.get("kind", old.get("kind")) == old.get("kind", new.get("kind"))


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value


def _scalar(text: str) -> Any:
    try:
        return parse_yaml(text)
    except DocumentError:
        return text


def _assign(data: Any, path: Sequence[str], value: Any, setting: str) -> None:
    *parents, last = path
    for name in parents:
        data = _step(data, name, setting)
    if isinstance(data, list):
        data[_position(data, last, setting)] = value
    else:
        data[last] = value


def _step(data: Any, name: str, setting: str) -> Any:
    if isinstance(data, list):
        inner = data[_position(data, name, setting)]
    else:
        inner = data.setdefault(name, {})
    if not isinstance(inner, dict | list):
        raise ConfigError(f"--set {setting!r}: {name!r} is {inner!r}, it has no keys")
    return inner


def _position(data: list[Any], name: str, setting: str) -> int:
    if not name.isdigit() or int(name) >= len(data):
        raise ConfigError(
            f"--set {setting!r}: {name!r} must be a number below {len(data)}, the list's length"
        )
    return int(name)
