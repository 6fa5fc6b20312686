"""Options of the training data. Light to import: the command line reads their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from rimlight.core.options import Options

IGNORED = 255
"""The label of pixels that no loss and no figure counts."""

Fit = Literal["stretch", "letterbox", "cover"]
"""How a picture fits the network's input; "cover" cuts what is over."""

Share = Annotated[float, Field(ge=0, le=1)]
Key = int | str

_PRESETS: dict[str, dict[str, float]] = {
    "none": {},
    "light": {"flip": 0.5, "crop": 0.3, "scale": 0.1, "stretch": 0.1, "color": 0.3},
    "heavy": {
        "flip": 0.5,
        "crop": 0.5,
        "scale": 0.3,
        "stretch": 0.2,
        "rotate": 8.0,
        "color": 0.6,
        "blur": 0.2,
        "noise": 0.3,
        "jpeg": 0.3,
        "copy_paste": 0.0,
    },
}


class AugmentOptions(Options):
    """How pictures are altered in training; masks follow. A preset, and what differs from it."""

    positional: ClassVar[str | None] = "preset"

    preset: Annotated[
        Literal["none", "light", "heavy"], Field(description="what counts unless said otherwise")
    ] = "light"
    flip: Annotated[Share, Field(description="how often left and right are swapped")] = 0.0
    crop: Annotated[
        float, Field(ge=0, lt=1, description="how much of each side is cut off at most")
    ] = 0.0
    scale: Annotated[
        float, Field(ge=0, le=3, description="how far it is shrunk at most: 1 is to a half")
    ] = 0.0
    stretch: Annotated[Share, Field(description="how much wider or higher it becomes at most")] = (
        0.0
    )
    rotate: Annotated[float, Field(ge=0, le=180, description="degrees either way at most")] = 0.0
    color: Annotated[
        Share, Field(description="how far light, contrast, saturation and tint change")
    ] = 0.0
    blur: Annotated[Share, Field(description="how often it is blurred")] = 0.0
    noise: Annotated[Share, Field(description="how often sensor noise is added")] = 0.0
    jpeg: Annotated[Share, Field(description="how often it is compressed hard")] = 0.0
    copy_paste: Annotated[
        Share, Field(description="how often what is not background moves into another picture")
    ] = 0.0
    backgrounds: Annotated[
        tuple[Path, ...], Field(description="for copy_paste: folders of pictures of background")
    ] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        given = {"preset": data} if isinstance(data, str) else data
        if not isinstance(given, dict):
            return given
        name = given.get("preset", "light")
        return {**_PRESETS.get(name, {}), **given} if isinstance(name, str) else given


class DataOptions(Options):
    """Which pictures to train on, and what their masks mean."""

    paths: Annotated[tuple[Path, ...], Field(description="folders, or COCO .json files")] = ()
    validation_paths: Annotated[
        tuple[Path, ...], Field(description="what to validate on, instead of a share")
    ] = ()
    format: Annotated[
        Literal["auto", "folders", "camvid", "yolo", "coco"],
        Field(description="how the data set is laid out; auto looks"),
    ] = "auto"
    masks: Annotated[
        Literal["auto", "gray", "ids", "colors"],
        Field(description="what mask pictures hold: black to white, label ids, or colors"),
    ] = "auto"
    names: Annotated[
        tuple[str, ...], Field(description="what the data set calls its ids, from 0 on")
    ] = ()
    classes: Annotated[
        tuple[str, ...],
        Field(min_length=2, max_length=255, description="what to learn; the first: background"),
    ] = ("background", "person")
    remap: Annotated[
        dict[Key, Key],
        Field(description="ids, '#rrggbb' or names of the data set -> classes; '*': all others"),
    ] = Field(default_factory=dict)
    ignore: Annotated[
        tuple[Key, ...], Field(description="ids, '#rrggbb' or names that do not count")
    ] = ()
    validation: Annotated[
        Share, Field(description="the share to validate on, chosen by a hash of the name")
    ] = 0.2
    check: Annotated[bool, Field(description="look into every file first")] = True
    fit: Annotated[
        Fit, Field(description="how a picture fits the network's input; cover cuts what is over")
    ] = "stretch"
    augment: AugmentOptions = AugmentOptions()

    @model_validator(mode="after")
    def _check_classes(self) -> DataOptions:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have the same name")
        return self
