"""How a network is trained, whatever it is shown: loss, optimizer, schedule, limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rimlight.core.options import Options

Weight = Annotated[float, Field(ge=0)]

PRESETS: dict[str, dict[str, float]] = {
    "mixed": {"cross_entropy": 0.6, "dice": 0.3, "boundary": 0.1},
    "cross-entropy": {"cross_entropy": 1.0},
    "focal": {"focal": 1.0},
    "dice": {"dice": 1.0},
}
"""Losses by name; parts that are not named have the weight 0."""


def _preset(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in PRESETS:
        raise ValueError(f"must be weights or one of {', '.join(PRESETS)}")
    return {"cross_entropy": 0.0, "focal": 0.0, "dice": 0.0, "boundary": 0.0} | PRESETS[value]


class LossOptions(Options):
    """The weights of the parts of the loss; as they stand, the preset "mixed".

    Attributes:
        cross_entropy: weight of the cross-entropy.
        focal: weight of the focal loss.
        dice: weight of the Dice loss.
        boundary: weight of the boundary loss.
    """

    cross_entropy: Weight = 0.6
    focal: Weight = 0.0
    dice: Weight = 0.3
    boundary: Weight = 0.1
    gamma: Annotated[float, Field(ge=0, le=10, description="of focal: how fast ease counts")] = 2.0

    @model_validator(mode="after")
    def _something_is_lost(self) -> LossOptions:
        if not self.cross_entropy + self.focal + self.dice + self.boundary:
            raise ValueError("at least one part must weigh more than 0")
        return self


class OptimizerOptions(Options):
    """Who moves the weights, and how far.

    Attributes:
        name: the optimizer.
        clip_norm: maximum norm of the gradients; none: not clipped.
    """

    name: Literal["adam", "adamw"] = "adamw"
    rate: Annotated[float, Field(gt=0, description="the learning rate to start from")] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, description="of adamw")] = 1e-4
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0


class ScheduleOptions(Options):
    """How the learning rate changes.

    cosine: down a half wave and up again at once, each cycle `stretch` times as long and starting
    `drop` times as high as the one before (Loshchilov and Hutter, ICLR 2017). plateau: times
    `factor` after `patience` epochs without a better validation.

    Attributes:
        name: how the learning rate changes.
        stretch: of cosine: each cycle is this many times as long as the one before.
        drop: of cosine: each cycle starts at this share of the rate of the one before.
        factor: of plateau: what the rate is multiplied by.
        patience: of plateau: epochs without a better validation.
    """

    name: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, description="epochs of rising from 0 at the start")] = 1.0
    cycle: Annotated[
        float | None, Field(gt=0, description="epochs of the first cycle; none: all of them")
    ] = None
    stretch: Annotated[float, Field(ge=1)] = 2.0
    drop: Annotated[float, Field(gt=0, le=1)] = 1.0
    least: Annotated[float, Field(ge=0, le=1, description="share of the rate that remains")] = 0.01
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patience: Annotated[int, Field(ge=1)] = 5


class LoopOptions(Options):
    """What training and distilling have in common."""

    loss: Annotated[LossOptions, BeforeValidator(_preset)] = LossOptions()
    class_weights: Annotated[
        bool, Field(description="rare classes count more in the cross-entropy")
    ] = False
    optimizer: OptimizerOptions = OptimizerOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    epochs: Annotated[int, Field(ge=1, description="maximum number of epochs")] = 50
    batch: Annotated[int, Field(ge=1, description="images per batch")] = 8
    accumulate: Annotated[int, Field(ge=1, description="batches whose gradients make one step")] = 1
    average: Annotated[
        float, Field(ge=0, lt=1, description="of the running mean of the weights; 0: none")
    ] = 0.99
    early_stop: Annotated[
        int | None, Field(ge=1, description="epochs without a better validation; none: never")
    ] = None
    minutes: Annotated[
        float | None, Field(gt=0, description="no epoch begins that would end later than this")
    ] = None
    seed: Annotated[int, Field(ge=0, description="of weights, order and augmentation")] = 0
    deterministic: Annotated[
        bool, Field(description="slower; the same run gives the same figures to the last digit")
    ] = False
    mixed_precision: Annotated[
        bool, Field(description="compute in float16: faster on a GPU, slower without one")
    ] = False
