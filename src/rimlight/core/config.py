"""A run, described as data: a job's defaults, then a YAML file, then `--set`, then flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeGuard, get_args

from pydantic import BaseModel, ConfigDict, Field

from rimlight.core.documents import DocumentError, parse_yaml, read_text
from rimlight.core.errors import ConfigError
from rimlight.core.model_card import Runtime
from rimlight.core.options import Options, validate
from rimlight.core.registry import find_registry


class ComponentConfig(BaseModel):
    """One component by kind; its other keys are the options of that kind.

    The registry of the family imports the component when `component_class` or `options` is first
    read, so that describing a run stays cheap. What was given is kept as it was: a run that is
    written out reads as it was written.
    """

    __slots__ = ("_options",)  # outside the model: no part of its equality, copies or dumps
    model_config = ConfigDict(extra="allow", frozen=True)

    family: ClassVar[str]

    kind: str

    @property
    def given(self) -> dict[str, Any]:
        """The options as they were given: not parsed, without defaults."""
        return dict(self.model_extra or {})

    @property
    def component_class(self) -> type[Any]:
        """The class of the component.

        Raises:
            ConfigError: the kind is unknown; the hint suggests one.
            MissingDependencyError: the component needs a package that is not installed.
        """
        return find_registry(self.family).load(self.kind)

    @property
    def options(self) -> Any:
        """The component's own `Options`, parsed once.

        Raises:
            ConfigError: the kind or an option is unknown, or a value is wrong.
            MissingDependencyError: the component needs a package that is not installed.
        """
        try:
            return object.__getattribute__(self, "_options")
        except AttributeError:
            parsed = self._parse()
            object.__setattr__(self, "_options", parsed)
            return parsed

    def with_options(self, **changes: Any) -> Self:
        """Return the same component with other values for some options."""
        return self.model_copy(update=changes)

    def open(self, *arguments: Any) -> Any:
        """Construct the component from its options, and `arguments` after them.

        Raises:
            RimlightError: an option is wrong, or the component does not open.
        """
        options = self.options
        return self.component_class(options, *arguments)

    def _parse(self) -> Options:
        where = f"{self.family} {self.kind!r}"
        options: Options = validate(self.component_class.Options, self.given, where=where)
        return options


class SourceConfig(ComponentConfig):
    """A source by kind, how its frames are rotated, and whether it repeats."""

    family = "source"

    rotate: Annotated[
        Literal[0, 90, 180, 270],
        Field(description="rotate frames clockwise before segmentation, by degrees"),
    ] = 0
    loop: Annotated[
        bool, Field(description="live: play a file, an animation or a folder of images again")
    ] = False

    @property
    def path(self) -> str:
        """The file, folder or address that it reads; "" for kinds that read none."""
        return str(getattr(self.options, "path", ""))


class ModelOptions(Options):
    """Options of the segmenter kind "model"; keys not named here go to the model's runtime.

    Attributes:
        model: a name of `rimlight models list`, a card, or a model file; "a+b" merges two, "a,b"
            averages the people of two or more.
        models_dir: a folder of cards and models, searched first.
    """

    model_config = Options.model_config | {"extra": "allow"}

    model: str = "auto"
    models_dir: Path | None = None
    roi: Annotated[
        Literal["none", "track", "multi"],
        Field(
            description="run the model on the regions around people; track: at little cost; multi: "
            "twice the work in video, a hundred times on single images, where auto also runs "
            "selfie-multiclass. Models of more than people always get the whole image"
        ),
    ] = "none"
    alternate: Annotated[
        bool, Field(description="of two models (a+b), run one per frame, in turn: half the work")
    ] = False
    motion_gate: Annotated[
        bool, Field(description="a still picture keeps its mask: no inference while nothing moves")
    ] = False


class SegmenterConfig(ComponentConfig):
    """A segmenter by kind; the kind "model" opens whatever runtime the model's card names."""

    family = "segmenter"

    @property
    def is_model(self) -> bool:
        """It opens a model by name, card or file."""
        return self.kind == "model"

    @property
    def is_stateful(self) -> bool:
        """Its masks depend on earlier frames."""
        options = self.options
        return self.is_model and (options.roi != "none" or options.alternate or options.motion_gate)

    def _parse(self) -> Options:
        if self.is_model:
            return validate(ModelOptions, self.given, where="segmenter")
        if self.kind in get_args(Runtime):
            raise ConfigError(
                f"segmenter kind {self.kind!r} is chosen by the model file itself",
                hint="write {kind: model, model: NAME or FILE}",
            )
        return super()._parse()


class RefinerConfig(ComponentConfig):
    """A refiner by kind."""

    family = "refiner"


class EffectConfig(ComponentConfig):
    """An effect by kind."""

    family = "effect"


class PipelineConfig(Options):
    """How frames travel between the threads."""

    overflow: Annotated[
        Literal["auto", "drop-oldest", "block"],
        Field(description="what a full queue does; auto: drop-oldest when live, block when not"),
    ] = "auto"
    mask_sync: Annotated[
        Literal["auto", "exact", "latest"],
        Field(description="which mask a frame gets: its own (exact) or the latest available"),
    ] = "auto"
    queue_size: Annotated[
        int, Field(ge=1, le=64, description="frames queued between two stages")
    ] = 2
    queue_mb: Annotated[float, Field(gt=0, description="megabytes queued between two stages")] = 64
    max_mask_age_s: Annotated[
        float, Field(gt=0, description="maximum age of a mask in seconds")
    ] = 0.5
    max_scene_change: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="live: maximum fraction of the image that may have changed since the mask "
            "was computed (torn frame, camera moved); 1 disables the check",
        ),
    ] = 0.1
    fallback: Annotated[
        Literal["last", "blur", "background"] | None,
        Field(
            description="what is shown while no frame has a valid mask, so that the run survives "
            "errors: the last safe frame, that frame blurred, or the background alone; null: "
            "an error ends the run"
        ),
    ] = None
    allow_passthrough: Annotated[
        bool, Field(description="with fallback: allow effects that do not hide the background")
    ] = False
    max_latency_ms: Annotated[
        float,
        Field(
            gt=0,
            description="live: maximum latency in ms; late frames are dropped",
        ),
    ] = 100
    jit: Annotated[
        Literal["auto", "always", "never"],
        Field(
            description="JIT-compiled loops (extra fast); auto: when live. They make every frame a "
            "little cheaper, but cost 130 MB of memory and a second before the first"
        ),
    ] = "auto"


class SinkConfig(ComponentConfig):
    """A sink by kind, and how it is put into the run."""

    family = "sink"

    optional: Annotated[bool, Field(description="left out, with a note, when it does not open")] = (
        False
    )
    unless: Annotated[
        str | None,
        Field(description="kind of sink; left out if one of that kind is open before it"),
    ] = None
    thread: Annotated[bool, Field(description="write on a thread of its own")] = False
    effects: Annotated[
        tuple[EffectConfig, ...], Field(description="instead of the run's, for this sink alone")
    ] = ()

    @property
    def path(self) -> Path | None:
        """The file or folder that it writes, None for kinds that write none."""
        return getattr(self.options, "path", None)


class RunConfig(Options):
    """One run from source to sinks.

    Attributes:
        source: where frames come from.
        segmenter: what computes the mask of each frame.
        refiners: what improves the masks, in this order.
        effects: what is done with frame and mask, in this order.
        sinks: where the results go.
    """

    source: SourceConfig
    segmenter: SegmenterConfig
    refiners: tuple[RefinerConfig, ...] = ()
    look_ahead: Annotated[
        int, Field(ge=0, le=60, description="frames that a mask may know of those after it")
    ] = 0
    effects: tuple[EffectConfig, ...] = ()
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

    A part that changes its `kind` starts empty: options of another kind do not carry over.
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merge(old, value) if _same_part(old, value) else value
    return result


def apply_settings(data: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Return `data` with settings such as "segmenter.threads=2" or "sinks.0.crf=20" applied.

    A component that gets another kind starts without options, as in `merge`; so kinds come first.

    Raises:
        ConfigError: a setting has no "=", or its path leads through something that has no keys.
    """
    result: dict[str, Any] = _copied(data)
    for setting in sorted(settings, key=lambda s: not s.partition("=")[0].endswith(".kind")):
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--set {setting!r} must be key=value", hint="--set pipeline.queue_size=2"
            )
        _assign(result, key.split("."), _scalar(value), setting)
    return result


def parse_run(data: Mapping[str, Any], *, where: str) -> RunConfig:
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
        return
    if last == "kind" and data.get("kind") != value:
        data.clear()
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
