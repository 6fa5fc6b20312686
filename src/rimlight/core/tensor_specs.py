"""How to feed a model file, and how to read what it gives: the tensors of a model card."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rimlight.core.options import Options

PerChannel = float | tuple[float, float, float]
Deviation = Annotated[float, Field(gt=0)]
Layout = Literal["nhwc", "nchw"]
Side = Annotated[int, Field(ge=1, le=8192)]
Share = Annotated[float, Field(ge=0, le=1)]

DETECTIONS = frozenset({"anchors", "heatmap", "boxes"})
"""Kinds of output that are boxes without masks."""


class InputSpec(Options):
    """What the model wants to see: input = (value * scale + offset - mean) / deviation.

    A value is 0..255. Exactly one of `size` and `short_side` is given.

    Attributes:
        name: of the input in the file; "" where all others are states or constants.
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
        fit: "stretch" the frame to `size`, or "letterbox" it: keep its shape, centered, and fill
            the rest with `pad`.
        pad: the value (0..255) of the three channels of the bars of a letterboxed frame.
    """

    name: str = ""
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


class Feedback(Options):
    """A recurrent state: an output that becomes an input of the next frame.

    The first frame of a scene gets zeros; sides that the file leaves open are 1 then, as in the
    published file of RobustVideoMatting. A scene ends at a cut, at a jump in time and where the
    size of the frame changes.

    Attributes:
        input: the name of the input in the file.
        output: the name of the output that is fed to it.
    """

    input: str
    output: str


class OutputSpec(Options):
    """What the model's last layer gives.

    Attributes:
        kind: "probability": (h, w, classes) in 0..1, each class by itself; "sigmoid": the same
            before the sigmoid; "softmax": (h, w, classes) in 0..1 that add up to 1; "logits": the
            same before the softmax; "labels": (h, w) integers, the winning class; "instances":
            boxes, scores and mask coefficients, and prototypes; "anchors": boxes (n, k) relative
            to n anchors, and scores (n, classes) before the sigmoid, as single-shot detectors give;
            "heatmap": maps of the centers, sizes and offsets of objects, as CenterNet gives;
            "boxes": center, size and scores (4 + classes, n), or corners, score and class (n, 6).
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
        boxes: of "instances" and "boxes": box values are shares of the input (0..1), or pixels.
        margin_px: of "instances": how far, in input pixels, a mask may reach beyond its box; half
            a step where boxes were quantized coarsely. With a margin, what hangs together stays
            if most of it lies in the box, and the mask decides where the box really is.
        margin_share: the same as a share of the box's own width and height, on top.
        anchors: of "anchors": (cells along a side, anchors per cell) of each grid, in order.
    """

    kind: Literal[
        "probability",
        "sigmoid",
        "softmax",
        "logits",
        "labels",
        "instances",
        "anchors",
        "heatmap",
        "boxes",
    ]
    index: Annotated[int, Field(ge=0)] = 0
    layout: Layout | None = None
    rescale: Literal["none", "min-max"] = "none"
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    calibration: Annotated[tuple[tuple[Share, Share], ...], Field(max_length=64)] = ()
    boxes: Literal["share", "pixels"] = "share"
    margin_px: Annotated[float, Field(ge=0, le=64)] = 0.0
    margin_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    anchors: tuple[tuple[Side, Annotated[int, Field(ge=1, le=16)]], ...] = ()

    @property
    def is_detection(self) -> bool:
        """Whether the model gives boxes without masks."""
        return self.kind in DETECTIONS

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
