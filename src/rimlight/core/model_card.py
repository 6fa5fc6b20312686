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
from rimlight.core.tensor_specs import Feedback, InputSpec, OutputSpec, Share

Runtime = Literal["tflite", "keras", "onnx", "instances", "detector"]
Needs = Literal["", "import-openvino"]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]

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


class Measurement(Options):
    """What a model measured, one look at each picture and nothing done to the masks.

    Attributes:
        data: the pictures, and how many.
        iou: mean intersection over union, 0..1.
        boundary_f: mean F-measure of the outlines, 0..1.
        ms: time of one look on one thread of the machine that it was measured on.
    """

    data: str
    iou: Share | None = None
    boundary_f: Share | None = None
    ms: Annotated[float, Field(gt=0)] | None = None


class ModelCard(Options):
    """Everything rimlight must know of a model. See the fields in `models/README.md`.

    Attributes:
        name: what `--model` calls it.
        summary: what the model is for, in one line.
        files: the model's files; the first is the one that is opened.
        license: of the weights.
        consent: the license must be accepted before the files are fetched.
        origin: where the weights come from.
        trained_on: the pictures that the weights were trained on, and the terms of these.
        commercial: "yes": the license of the weights allows commercial use, and no terms of the
            training data are known that forbid it; "restricted": the license of the weights makes
            conditions; "unclear": the terms of the training data forbid it, or are not known.
        measured: figures of the model, each with the pictures that they hold for.
        needs: the part of rimlight that is missing to run it; "" for none.
        recurrent: of .onnx files: the outputs that become inputs of the next frame.
        constants: of .onnx files: inputs that always have the same value.
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
    trained_on: str = "not stated"
    commercial: Literal["yes", "restricted", "unclear"] = "unclear"
    measured: tuple[Measurement, ...] = ()
    needs: Needs = ""
    input: InputSpec
    output: OutputSpec
    recurrent: tuple[Feedback, ...] = ()
    constants: dict[str, float] = Field(default_factory=dict)
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
        if self.output.is_detection:
            return "detector"
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
        if (self.output.kind == "anchors") != bool(self.output.anchors):
            raise ValueError("anchors are said of the output kind anchors, and of no other")
        return self

    @model_validator(mode="after")
    def _inputs_agree(self) -> ModelCard:
        names = [each.input for each in self.recurrent] + list(self.constants)
        if names and not self.files[0].file.lower().endswith(".onnx"):
            raise ValueError("recurrent and constants are for .onnx files only")
        if len(set(names)) < len(names) or self.input.name in names:
            raise ValueError("an input of the file is named twice")
        return self

    @model_validator(mode="after")
    def _instances_agree(self) -> ModelCard:
        if self.output.kind != "instances" and not self.output.is_detection:
            return self
        if "background" in self.classes:
            raise ValueError("instances have no class background: it is where there is none")
        if self.input.size is None and self.output.kind != "heatmap":
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
