"""Model cards: how to feed a model file and how to interpret its output.

A card is a YAML file; `models/README.md` explains its fields to those who write one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rimlight.core.documents import DocumentError, parse_yaml, read_text
from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.options import Options, validate

Runtime = Literal["tflite", "keras", "onnx", "instances"]
Needs = Literal["", "import-openvino"]
PerChannel = float | tuple[float, float, float]
Deviation = Annotated[float, Field(gt=0)]
Layout = Literal["nhwc", "nchw"]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Side = Annotated[int, Field(ge=1, le=8192)]
Share = Annotated[float, Field(ge=0, le=1)]

PERSON = "person"
PERSON_PARTS = frozenset({"hair", "body-skin", "face-skin", "clothes", "accessories"})
"""Classes that are parts of a person: a model of nothing else is a model of people."""

# An OpenVINO network (.xml) is imported first, and kept as .tflite.
_RUNTIMES: dict[str, Runtime] = {
    ".tflite": "tflite",
    ".keras": "keras",
    ".onnx": "onnx",
    ".xml": "tflite",
}
_MISSING = {
    "import-openvino": "it is an OpenVINO model, which must be imported first",
}


class ModelFile(Options):
    """One file of a model.

    Attributes:
        file: its name, without a folder.
        sha256: what its bytes must hash to; None: any bytes will do (a file of the user's own).
        size_bytes: how long it is.
        url: a fixed address to fetch it from, one that can never change its content.
    """

    file: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None

    @model_validator(mode="after")
    def _download_can_be_checked(self) -> ModelFile:
        if self.url and not (self.sha256 and self.size_bytes):
            raise ValueError("a url needs sha256 and size_bytes beside it")
        return self


class InputSpec(Options):
    """What the model wants to see: input = (value * scale + offset - mean) / deviation.

    A value is 0..255. Exactly one of `size` and `short_side` is given.

    Attributes:
        size: (width, height) in pixels.
        short_side: instead of `size`, for files that leave their input's size open: the frame keeps
            its shape, its shorter side is resized to this.
        multiple: with `short_side`: both sides are rounded to multiples of this.
        layout: the order of the axes: "nhwc" is (1, h, w, 3), "nchw" is (1, 3, h, w).
        color: the order of the three channels.
        scale: one number, or one for each channel in the order of `color`; or "max": divide by the
            largest value of the resized frame.
        offset: one number, or one for each channel.
        mean: is subtracted after that; one number, or one for each channel.
        deviation: is what the difference is divided by; one number, or one for each channel.
        fit: "stretch" the frame to `size`, or "letterbox" it: keep its shape, centerd, and fill
            the rest with `pad`.
        pad: the value (0..255) of the three channels of the bars of a letterboxed frame.
    """

    size: tuple[Side, Side] | None = None
    short_side: Annotated[int, Field(ge=16, le=4096)] | None = None
    multiple: Annotated[int, Field(ge=1, le=256)] = 1
    layout: Layout = "nhwc"
    color: Literal["rgb", "bgr"] = "rgb"
    scale: PerChannel | Literal["max"] = 1 / 255
    offset: PerChannel = 0.0
    mean: PerChannel = 0.0
    deviation: Deviation | tuple[Deviation, Deviation, Deviation] = 1.0
    fit: Literal["stretch", "letterbox"] = "stretch"
    pad: Annotated[int, Field(ge=0, le=255)] = 0

    @model_validator(mode="after")
    def _size_is_said_once(self) -> InputSpec:
        if (self.size is None) == (self.short_side is None):
            raise ValueError("an input needs either size or short_side")
        if self.short_side is None:
            if self.multiple != 1:
                raise ValueError("multiple belongs to short_side, not to size")
        elif self.fit == "letterbox":
            raise ValueError("with short_side the frame keeps its shape: leave fit out")
        return self

    @property
    def fixed_size(self) -> tuple[int, int]:
        """The (width, height) of an input whose size is fixed.

        Raises:
            ValueError: it depends on the frame.
        """
        if self.size is None:
            raise ValueError("the input has no size of its own: it depends on the frame")
        return self.size


class OutputSpec(Options):
    """What the model's last layer gives.

    Attributes:
        kind: "probability": (h, w, classes) in 0..1, each class by itself; "sigmoid": the same
            before the sigmoid; "softmax": (h, w, classes) in 0..1 that add up to 1; "logits": the
            same before the softmax; "labels": (h, w) integers, the winning class; "instances":
            boxes, scores and mask coefficients, and prototypes.
        index: which of the file's outputs it is, from 0. Of "instances" both are found by shape.
        layout: the order of its axes, "nhwc" (1, h, w, classes) or "nchw" (1, classes, h, w); None:
            that of the input.
        temperature: what the values before a sigmoid or softmax are divided by; below 1 for models
            whose scores stay away from 0 and 1 (Guo et al., 2017).
        calibration: pairs (score, calibrated score) that rise from 0 to 1, with straight lines
            between them; of models with a single class, or with parts of a person, whose scores
            are added up first.
        rescale: "min-max": the lowest score of each frame becomes 0, the highest 1; of
            "probability" only.
        boxes: of "instances": box values are shares of the input (0..1), or pixels of it.
        margin_px: of "instances": how far, in input pixels, a mask may reach beyond its box; half
            a step where boxes were quantized coarsely. With a margin, what hangs together stays
            if most of it lies in the box, and the mask decides where the box really is.
        margin_share: the same as a share of the box's own width and height, on top.
    """

    kind: Literal["probability", "sigmoid", "softmax", "logits", "labels", "instances"]
    index: Annotated[int, Field(ge=0)] = 0
    layout: Layout | None = None
    rescale: Literal["none", "min-max"] = "none"
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    calibration: Annotated[tuple[tuple[Share, Share], ...], Field(max_length=64)] = ()
    boxes: Literal["share", "pixels"] = "share"
    margin_px: Annotated[float, Field(ge=0, le=64)] = 0.0
    margin_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0

    @model_validator(mode="after")
    def _calibration_rises(self) -> OutputSpec:
        steps = list(zip(self.calibration, self.calibration[1:], strict=False))
        if self.calibration and (self.calibration[0][1], self.calibration[-1][1]) != (0, 1):
            raise ValueError("calibration must begin with a score that means 0 and end with 1")
        if any(before[0] >= after[0] or before[1] > after[1] for before, after in steps):
            raise ValueError("calibration must rise")
        return self

    @property
    def has_margin(self) -> bool:
        """Whether masks may reach beyond their boxes."""
        return self.margin_px > 0 or self.margin_share > 0


class ModelCard(Options):
    """Everything rimlight must know of a model. See the fields in `models/README.md`.

    Attributes:
        name: what `--model` calls it.
        summary: what the model is for, in one line.
        files: the model's files; the first is the one that is opened.
        license: of the weights.
        consent: the license must be accepted before the files are fetched.
        origin: where the weights come from.
        needs: the part of rimlight that is missing to run it; "" for none.
        classes: a name for each channel or label.
        foreground: the classes that stay when nothing else is asked for.
        palette: "#rrggbb" for some or all classes.
        alpha_range: (low, high): the scores that count as 0 and as 1 at the edge of the mask.
        notes: anything else a user should know.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    summary: str = ""
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]
    license: str = "not stated"
    consent: bool = False
    origin: str = ""
    needs: Needs = ""
    input: InputSpec
    output: OutputSpec
    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=256)]
    foreground: Annotated[tuple[str, ...], Field(min_length=1)]
    palette: dict[str, Color] = Field(default_factory=dict)
    alpha_range: tuple[Share, Share] = (0.0, 1.0)
    notes: str = ""

    @property
    def runtime(self) -> Runtime:
        """Name of the segmenter that opens the model.

        Raises:
            ModelFormatError: rimlight opens no files of that kind.
        """
        runtime = choose_runtime(Path(self.files[0].file))
        if self.output.kind != "instances":
            return runtime
        if runtime != "tflite":
            raise ModelFormatError(
                f"model {self.name!r}: instances are read from .tflite files only",
                hint="export it to TensorFlow Lite",
            )
        return "instances"

    @property
    def has_person_parts(self) -> bool:
        """Whether all classes but the background are parts of a person, such as hair."""
        parts = set(self.classes) - {"background"}
        return len(self.classes) > 1 and parts <= PERSON_PARTS

    @property
    def is_of_people(self) -> bool:
        """Whether the model gives the score of one class, or of a person's parts."""
        scored = self.output.kind in {"probability", "sigmoid"}
        return (len(self.classes) == 1 and scored) or self.has_person_parts

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together, as far as the card knows."""
        return sum(file.size_bytes or 0 for file in self.files)

    @model_validator(mode="after")
    def _names_agree(self) -> ModelCard:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have the same name")
        for field, names in (("foreground", self.foreground), ("palette", self.palette)):
            if unknown := [name for name in names if name not in self.classes]:
                raise ValueError(f"{field} names {unknown[0]!r}, which is not among the classes")
        return self

    @model_validator(mode="after")
    def _numbers_agree(self) -> ModelCard:
        if self.alpha_range[0] >= self.alpha_range[1]:
            raise ValueError(f"alpha_range must rise, got {list(self.alpha_range)}")
        if self.output.kind in {"softmax", "logits"} and len(self.classes) == 1:
            raise ValueError(f"{self.output.kind} needs two classes or more; say sigmoid for one")
        if self.output.calibration and not self.is_of_people:
            raise ValueError("calibration belongs to a single class, or to the parts of a person")
        if self.output.rescale != "none" and self.output.kind != "probability":
            raise ValueError(f"rescale belongs to probability, not to {self.output.kind}")
        return self

    @model_validator(mode="after")
    def _instances_agree(self) -> ModelCard:
        if self.output.kind != "instances":
            return self
        if "background" in self.classes:
            raise ValueError("instances have no class background: it is where there is none")
        if self.input.size is None:
            raise ValueError("instances need an input of a fixed size")
        return self


def load_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it is not a card; the hint names the key nearest to an unknown one.
    """
    try:
        data = parse_yaml(read_text(path))
    except OSError as exc:
        reason = f"cannot read the model card {path}: {exc.strerror}"
        raise ModelNotFoundError(reason, hint="check the path") from exc
    except DocumentError as exc:
        reason = f"{path} is not a model card: {exc}"
        raise ModelFormatError(reason, hint="a card is a YAML file") from exc
    if not isinstance(data, dict):
        raise ModelFormatError(
            f"{path} is not a model card", hint="it must hold 'key: value' lines"
        )
    try:
        return validate(ModelCard, data, where=f"model card {path}")
    except ConfigError as exc:
        hint = exc.hint or "models/README.md explains the fields of a card"
        raise ModelFormatError(exc.message, hint=hint) from exc


def choose_runtime(file: Path) -> Runtime:
    """Return which segmenter opens `file`, judged by its name.

    Raises:
        ModelFormatError: none of .tflite, .keras and .onnx.
    """
    runtime = _RUNTIMES.get(file.suffix.lower())
    if runtime is None:
        raise ModelFormatError(
            f"{file.name} is not a model that rimlight can open: it must be .tflite, .keras or "
            ".onnx",
            hint="convert it to TensorFlow Lite or ONNX, or save it with Keras 3",
        )
    return runtime


def check_runnable(card: ModelCard) -> None:
    """Check that rimlight has every part that the model needs.

    Raises:
        ModelError: it has not; the message names the part.
    """
    if card.needs:
        raise ModelError(
            f"model {card.name!r} cannot run yet: {_MISSING[card.needs]}",
            hint=f"`rimlight models pull {card.name}` imports it; this needs rimlight[keras]",
        )
