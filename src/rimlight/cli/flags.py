"""The flags of all commands. One that sets an option takes its help and limits from that option.

`flag("sinks.video.crf")` looks the option up in the index of `rimlight.cli.options`: description,
choices, bounds and default are written once, in the `Options` class of the component.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rimlight.cli.options import describe_limits, find_field
from rimlight.core.option_fields import OptionField

if TYPE_CHECKING:
    from rimlight.core.config import RunConfig

INPUT, OUTPUT, BACKGROUND, SELECTION, MASKS, LIVE, PRODUCT, REPORT, RUN = (
    "Input",
    "Output",
    "Background",
    "Selection",
    "Model and masks",
    "Live",
    "Product photos",
    "Report",
    "Run",
)
"""The panels of `--help`."""

FIELDS: dict[int, str] = {}
"""The address of the option that a flag sets, by the identity of the flag."""


def flag(
    address: str,
    *names: str,
    panel: str,
    lead: str = "",
    more: str = "",
    metavar: str | None = None,
    default: str | None = None,
) -> Any:
    """Return the flag that sets an option, described by the option itself.

    Args:
        address: "family.component.option".
        names: the flag's names, where they are not those of the parameter.
        panel: the section of `--help`.
        lead: what the flag does besides setting the option: "Blur the background".
        more: what the flag accepts in addition.
        metavar: the name of the value, instead of its choices or type.
        default: the default, where a job's differs from the option's.
    """
    field = find_field(address)
    info = typer.Option(
        *names,
        help=describe_flag(field, lead=lead, more=more, default=default),
        metavar=metavar or _metavar(field),
        callback=_make_check(field) if field.choices or field.range else None,
        rich_help_panel=panel,
        show_default=False,
    )
    FIELDS[id(info)] = address
    return info


def describe_flag(
    field: OptionField, *, lead: str = "", more: str = "", default: str | None = None
) -> str:
    """Return the help of a flag: the description of its option, then choices, default and range."""
    text = "; ".join(part for part in (field.description, more) if part)
    text = f"{lead}: {text}" if lead and text else lead or text
    limits = [
        limit for limit in describe_limits(field) if limit not in ("required", "default: none")
    ]
    if field.type == "boolean":
        limits = []
    elif default is not None:
        limits = [limit for limit in limits if not limit.startswith("default: ")]
        limits.append(f"default: {default}")
    shown = f"  [{'; '.join(limits)}]" if limits else ""
    return f"{text[:1].upper()}{text[1:]}.{shown}"


def _metavar(field: OptionField) -> str | None:
    if field.type == "choice":
        return "NAME"
    return {"time": "TIME", "WIDTHxHEIGHT": "WIDTHxHEIGHT"}.get(field.type)


def _make_check(field: OptionField) -> Callable[[Any], Any]:
    """Return a callback that refuses values outside the choices or bounds of `field`."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        if field.type == "choice" and str(value) not in field.choices:
            from rimlight.core.registry import find_near

            near = find_near(str(value), field.choices)
            guess = f"; did you mean {near!r}?" if near else ""
            raise typer.BadParameter(f"unknown value {value!r}{guess}")
        if isinstance(value, int | float) and not field.is_within(value):
            raise typer.BadParameter(f"{value:g} is not in the range {field.range}")
        return value

    return check


Background = Annotated[
    str | None,
    flag(
        "effects.replace.background",
        "--background",
        "-b",
        panel=BACKGROUND,
        metavar="FILE|COLOR|none",
        more="none for a transparent result",
    ),
]
Blur = Annotated[
    float | None,
    flag(
        "effects.blur.radius_px",
        panel=BACKGROUND,
        lead="Blur the background",
        metavar="PIXELS",
    ),
]
Gray = Annotated[
    bool,
    typer.Option(
        "--grayscale",
        help="Remove the colors of the background, which stays visible.",
        rich_help_panel=BACKGROUND,
    ),
]
Fit = Annotated[str, flag("effects.replace.fit", panel=BACKGROUND)]
Mirror = Annotated[bool, flag("effects.flip.horizontal", "--mirror", panel=BACKGROUND)]

BlurShape = Annotated[str | None, flag("effects.blur.shape", "--blur-shape", panel=BACKGROUND)]
MatchLight = Annotated[
    float | None,
    flag("effects.replace.match_light", "--match-light", panel=BACKGROUND, metavar="STRENGTH"),
]
MoreEffects = Annotated[
    list[str] | None,
    typer.Option(
        "--effect",
        metavar="KIND[:VALUE]",
        help="One more effect, such as hologram, colormap:viridis or layer:lower-third.png; may "
        "be repeated (`rimlight options effects`).",
        rich_help_panel=BACKGROUND,
    ),
]
GreenScreen = Annotated[
    str | None,
    flag(
        "segmenters.chroma.color",
        "--green-screen",
        panel=BACKGROUND,
        lead="Key out a green screen instead of running a model, and despill",
        metavar="COLOR",
    ),
]
Scene = Annotated[
    str | None,
    typer.Option(
        "--scene",
        metavar="FILE|FOLDER|screen",
        help="Show a picture, a video, a folder of slides or the screen, with the person small in "
        "a corner.",
        rich_help_panel=BACKGROUND,
    ),
]
Framing = Annotated[
    bool,
    typer.Option(
        "--framing",
        help="Follow the person and enlarge them, up to twice.",
        rich_help_panel=BACKGROUND,
    ),
]

Keep = Annotated[
    list[str] | None,
    flag("refiners.select.keep", panel=SELECTION, metavar="CLASSES", more="may be repeated"),
]
Exclude = Annotated[
    list[str] | None,
    flag("refiners.select.exclude", "--exclude", panel=SELECTION, metavar="CLASSES"),
]

Model = Annotated[
    str | None,
    flag("segmenters.model.model", "--model", "-m", panel=MASKS),
]
Quality = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Mask quality: fast, balanced (temporally stable, segments small people again) or "
        "best (slow, offline). Default: balanced for videos, best for images; live: fast.",
        rich_help_panel=MASKS,
    ),
]
Threads = Annotated[int | None, flag("segmenters.tflite.threads", panel=MASKS)]
Device = Annotated[str | None, flag("segmenters.onnx.device", panel=MASKS, metavar="NAME")]
LookAhead = Annotated[int | None, flag("run.run.look_ahead", panel=MASKS)]

Rotate = Annotated[
    Literal["0", "90", "180", "270"] | None,
    flag("sources.*.rotate", "--rotate", panel=INPUT, metavar="DEGREES"),
]
Start = Annotated[str | None, flag("sources.video.start_s", panel=INPUT)]
End = Annotated[str | None, flag("sources.video.end_s", panel=INPUT)]
ToneMap = Annotated[bool, flag("sources.video.tone_map", "--tone-map", panel=INPUT)]
Stride = Annotated[int | None, flag("sources.video.stride", "--stride", panel=INPUT)]
MaxSize = Annotated[str | None, flag("sources.video.max_size", panel=INPUT)]
Recursive = Annotated[bool, flag("sources.images.recursive", "--recursive", "-r", panel=INPUT)]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Process every image that is added to the folder, until Ctrl-C. Images that have a "
        "newer result are skipped, except with --overwrite.",
        rich_help_panel=INPUT,
    ),
]
KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going",
        help="Warn about a damaged input instead of failing; what can be read is processed.",
        rich_help_panel=INPUT,
    ),
]

Audio = Annotated[str | None, flag("sinks.video.audio", panel=OUTPUT)]
Private = Annotated[bool, flag("sinks.video.private", "--private", panel=OUTPUT)]
Codec = Annotated[str | None, flag("sinks.video.codec", panel=OUTPUT)]
Crf = Annotated[int | None, flag("sinks.video.crf", panel=OUTPUT)]
Deliver = Annotated[str | None, flag("sinks.video.deliver", panel=OUTPUT, metavar="PROGRAM")]
Preset = Annotated[str | None, flag("sinks.video.preset", panel=OUTPUT)]
Format = Annotated[
    str | None, flag("sinks.images.format", "--format", panel=OUTPUT, lead="Image format")
]
Overwrite = Annotated[bool, flag("sinks.video.overwrite", "--overwrite", panel=OUTPUT)]
Resume = Annotated[
    bool,
    typer.Option(
        help="Resume a run that the same command left unfinished.", rich_help_panel=OUTPUT
    ),
]
Matte = Annotated[
    str | None,
    typer.Option(
        metavar="OUTPUT", help="Also write the mask, white on black.", rich_help_panel=OUTPUT
    ),
]
Foreground = Annotated[
    str | None,
    typer.Option(
        metavar="OUTPUT",
        help="Also write the decontaminated foreground colors, for use with a matte.",
        rich_help_panel=OUTPUT,
    ),
]
Preview = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=50,
        metavar="N",
        help="Write N frames, before and after, to one image and stop.",
        rich_help_panel=OUTPUT,
    ),
]

Trim = Annotated[bool, flag("effects.product.trim", "--trim", panel=PRODUCT)]
Margin = Annotated[str | None, flag("effects.product.margin", panel=PRODUCT, metavar="PERCENT")]
Square = Annotated[bool, flag("effects.product.square", "--square", panel=PRODUCT)]
OutputSize = Annotated[
    int | None, flag("effects.product.size_px", "--output-size", panel=PRODUCT, metavar="PIXELS")
]
Shadow = Annotated[
    bool,
    typer.Option("--shadow", help="Draw a soft shadow under the object.", rich_help_panel=PRODUCT),
]

LiveSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        "-s",
        help="A camera (0, /dev/video0), an rtsp:// or http:// address, a file, or test-pattern.",
        rich_help_panel=INPUT,
    ),
]
Loop = Annotated[bool, flag("sources.*.loop", "--loop", panel=INPUT)]
LiveSink = Annotated[
    list[str] | None,
    typer.Option(
        "--sink",
        "-o",
        help="virtual-camera[:/dev/video10], pipewire[:NAME], window, http[:PORT], pipe[:FORMAT] "
        "or video:rec.mp4; may be repeated. Default: a virtual camera (v4l2loopback, else "
        "PipeWire) and a window, if available.",
        rich_help_panel=OUTPUT,
    ),
]
MaskSync = Annotated[
    Literal["exact", "latest"] | None,
    typer.Option(
        "--mask-sync",
        help="exact: wait for the mask of each frame; latest: use the newest mask available.",
        rich_help_panel=LIVE,
    ),
]
Fallback = Annotated[
    str | None, flag("run.pipeline.fallback", "--fallback", panel=LIVE, default="last")
]
AllowPassthrough = Annotated[
    bool, flag("run.pipeline.allow_passthrough", "--allow-passthrough", panel=LIVE)
]
MaxLatency = Annotated[
    float | None, flag("run.pipeline.max_latency_ms", "--max-latency", panel=LIVE, metavar="MS")
]
OnDemand = Annotated[
    bool,
    typer.Option(
        "--on-demand",
        help="Open the camera only while a program reads from the virtual camera.",
        rich_help_panel=LIVE,
    ),
]
Panel = Annotated[
    bool,
    typer.Option(
        "--panel",
        help="Serve a page for the browser with the picture and the controls.",
        rich_help_panel=LIVE,
    ),
]
PanelPort = Annotated[
    int | None,
    flag("sinks.panel.port", "--panel-port", panel=LIVE, lead="Port of the panel"),
]
MaxCpu = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT",
        help="Maximum CPU use in percent of one core, such as 40%; reduces quality if necessary.",
        rich_help_panel=LIVE,
    ),
]
MinFps = Annotated[
    float | None,
    typer.Option(
        min=1,
        metavar="FPS",
        help="Minimum frame rate; reduces quality if necessary.",
        rich_help_panel=LIVE,
    ),
]
ControlSocket = Annotated[
    Path | None,
    typer.Option(
        "--control-socket",
        metavar="PATH",
        help="The socket of `rimlight ctl` (default: in XDG_RUNTIME_DIR).",
        rich_help_panel=LIVE,
    ),
]

Opacity = Annotated[float | None, flag("effects.overlay.opacity", panel=OUTPUT)]
Contours = Annotated[bool, flag("effects.overlay.contours", "--contours", panel=OUTPUT)]
Legend = Annotated[bool, flag("effects.overlay.legend", panel=OUTPUT)]
Redact = Annotated[
    list[str] | None,
    flag("effects.redact.classes", panel=SELECTION, lead="Redact classes", metavar="CLASSES"),
]

CoverStyle = Annotated[str | None, flag("effects.redact.style", panel=OUTPUT)]
CoverShape = Annotated[str | None, flag("effects.redact.shape", panel=OUTPUT)]
CoverColor = Annotated[str | None, flag("effects.redact.color", panel=OUTPUT)]
DetectorConfidence = Annotated[float | None, flag("segmenters.detector.confidence", panel=MASKS)]
RedactModels = Annotated[
    list[str] | None,
    flag(
        "segmenters.model.model",
        "--model",
        "-m",
        panel=MASKS,
        more="a detector too; may be repeated",
    ),
]
Tiles = Annotated[int | None, flag("segmenters.detector.tiles", panel=MASKS)]

Confidence = Annotated[float | None, flag("segmenters.instances.confidence", panel=MASKS)]
BoxOpacity = Annotated[float | None, flag("effects.boxes.opacity", "--opacity", panel=OUTPUT)]
Boxes = Annotated[bool, flag("effects.boxes.boxes", panel=OUTPUT)]
Names = Annotated[bool, flag("effects.boxes.names", panel=OUTPUT)]
Scores = Annotated[bool, flag("effects.boxes.scores", panel=OUTPUT)]

Teacher = Annotated[str | None, flag("training.distill.teacher.model", "--teacher", panel=RUN)]
Sparsity = Annotated[float, flag("training.prune.sparsity", panel=RUN)]
Structured = Annotated[
    bool,
    typer.Option(
        "--structured",
        help="Remove whole filters instead of single weights, which saves time.",
        rich_help_panel=RUN,
    ),
]
ImportSize = Annotated[
    list[str] | None,
    flag("models.import-openvino.sizes", "--size", panel=RUN, metavar="WIDTHxHEIGHT"),
]

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="A YAML file over the defaults of the job.", rich_help_panel=RUN
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set one key of the configuration (see `rimlight options`); may be repeated.",
        rich_help_panel=RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check the configuration, print it and stop.", rich_help_panel=RUN
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=RUN)
]


def has_effects(config: Path | None, settings: list[str] | None) -> bool:
    """Return True if a config, or `--set effects=...`, defines the effects."""
    return config is not None or any(word.startswith("effects=") for word in settings or ())


def drop_unset(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return `keys` without those that the user did not set."""
    return {key: value for key, value in keys.items() if value is not None}


def make_segmenter_keys(
    model: str | None, threads: int | None, device: str | None
) -> dict[str, Any]:
    """Return the keys of the segmenter that the user set."""
    return drop_unset({"model": model, "threads": threads, "device": device})


def make_green_screen_keys(color: str | None, model: str | None) -> dict[str, Any]:
    """Return the keys of a segmenter that keys out a color; none if the user named no color.

    Raises:
        ConfigError: `color` is no color, or a model was named too.
    """
    from rimlight.core.errors import ConfigError
    from rimlight.imaging.palette import parse_color

    if color is None:
        return {}
    if model is not None:
        raise ConfigError("a green screen needs no model", hint="leave --model out")
    try:
        blue, green, red = parse_color(color)
    except ValueError as exc:
        raise ConfigError(f"--green-screen: {exc}") from exc
    return {"kind": "chroma", "color": f"#{red:02x}{green:02x}{blue:02x}"}


def make_more_effects(
    specs: list[str] | None, green_screen: Mapping[str, Any], *, framing: bool = False
) -> list[dict[str, Any]]:
    """Return the effects in addition to the background.

    Args:
        specs: as `--effect` takes them.
        green_screen: the keys of the segmenter that keys out a color; none for another segmenter.
        framing: follow the person.

    Raises:
        ConfigError: a kind is unknown.
    """
    from rimlight.factory.effect_order import parse_effect

    more: list[dict[str, Any]] = [{"kind": "framing"}] if framing else []
    if green_screen:
        more.append({"kind": "despill", "color": green_screen["color"]})
    return more + [parse_effect(spec) for spec in specs or ()]


def make_effect_options(
    blur_shape: str | None, match_light: float | None
) -> dict[str, dict[str, Any]]:
    """Return options of the background, by kind of effect."""
    return {"blur": {"shape": blur_shape}, "replace": {"match_light": match_light}}


def check_effect_flags(run: RunConfig, blur_shape: str | None, match_light: float | None) -> None:
    """Check that the background of `run` has the options that the user set.

    Raises:
        ConfigError: it does not.
    """
    from rimlight.core.errors import ConfigError

    kinds = {effect.kind for effect in run.effects}
    if blur_shape is not None and "blur" not in kinds:
        raise ConfigError("--blur-shape needs a blurred background", hint="add --blur 20")
    if match_light is not None and "replace" not in kinds:
        raise ConfigError("--match-light needs another background", hint="add --background FILE")


def make_rotation_keys(rotate: str | None) -> dict[str, Any]:
    """Return the keys of the source that rotate its frames."""
    return {"rotate": int(rotate)} if rotate else {}
