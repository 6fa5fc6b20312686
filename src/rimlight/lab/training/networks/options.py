"""Which network is built, and how large: plain values, free of TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from rimlight.core.options import Options, Size

NetworkName = Literal[
    "deeplab-xception", "deeplab-mobilenetv2", "deeplab-mobilenetv3", "light", "fast-scnn", "road"
]

LEAST_SIDE_PX = 32
GRID_PX = 32  # of road: its encoder divides by 8, its coarser context branch by 4 more


class NetworkOptions(Options):
    """A network before it is trained.

    Attributes:
        name: which network; see `build_network`.
        size: (width, height) of its input in pixels, each at least 32; of road, multiples of 32,
            or of 64 with a `downscale` of 2.
        classes: channels of its output, background included.
        width_multiplier: all channels are multiplied by this; Xception has 1 only.
        dilation_rates: of DeepLab: the dilations of the parallel convolutions at the coarsest map.
        stride: of DeepLab: how many pixels of the input one position of that map stands for.
        decoder: of DeepLab: refine with a finer map (DeepLabV3+), or not (DeepLabV3).
        downscale: of road: how many times smaller the picture is made within.
        backbone_weights: of DeepLab: a file of weights to start the backbone from; with
            MobileNetV2 also deeplabv3_257_mv_gpu.tflite, whose width overrides
            `width_multiplier`; of road: the .xml of road-segmentation-adas-0001, its .bin next to
            it.
    """

    name: NetworkName = "light"
    size: Size = (256, 144)
    classes: Annotated[int, Field(ge=2, le=255)] = 2
    width_multiplier: Annotated[float, Field(ge=0.1, le=4)] = 1.0
    dilation_rates: tuple[Annotated[int, Field(ge=1)], ...] = (6, 12, 18)
    stride: Literal[8, 16, 32] = 16
    decoder: bool = True
    downscale: Literal[1, 2] = 1
    backbone_weights: Path | None = None

    @field_validator("size")
    @classmethod
    def _check_size(cls, size: tuple[int, int]) -> tuple[int, int]:
        if min(size) < LEAST_SIDE_PX:
            raise ValueError(f"each side must be at least {LEAST_SIDE_PX}")
        return size

    @model_validator(mode="after")
    def _check_grid(self) -> NetworkOptions:
        grid = GRID_PX * self.downscale
        near = [max(1, round(side / grid)) * grid for side in self.size]
        if self.name == "road" and tuple(near) != self.size:
            raise ValueError(
                f"size of the road network must be made of multiples of {grid}, such as "
                f"{near[0]}x{near[1]}"
            )
        return self

    @model_validator(mode="after")
    def _check_width(self) -> NetworkOptions:
        if self.name == "deeplab-xception" and self.width_multiplier != 1:
            raise ValueError("width_multiplier of deeplab-xception must be 1")
        return self

    @model_validator(mode="after")
    def _check_backbone_weights(self) -> NetworkOptions:
        if self.backbone_weights and self.name in {"light", "fast-scnn"}:
            raise ValueError(f"{self.name} has no backbone to start from backbone_weights")
        return self
