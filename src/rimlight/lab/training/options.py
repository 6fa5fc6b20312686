"""Options of a training: network, data, loss, optimizer, schedule, limits.

Free of TensorFlow, because the command line reads the options for its help.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rimlight.core.config import apply_settings, merge, read_yaml
from rimlight.core.options import Options, validate
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.networks.options import NetworkOptions

Weight = Annotated[float, Field(ge=0)]

PRESETS: dict[str, dict[str, float]] = {
    "mixed": {"cross_entropy": 0.6, "dice": 0.3, "boundary": 0.1},
    "cross-entropy": {"cross_entropy": 1.0},
    "focal": {"focal": 1.0},
    "dice": {"dice": 1.0},
}
"""Losses by name; parts that are not named have the weight 0."""


def _expand_preset(value: Any) -> Any:
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
    def _check_weights(self) -> LossOptions:
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
    learning_rate: Annotated[float, Field(gt=0, description="the learning rate to start from")] = (
        1e-3
    )
    weight_decay: Annotated[float, Field(ge=0, description="of adamw")] = 1e-4
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0


class ScheduleOptions(Options):
    """How the learning rate changes.

    cosine: down a half wave and up again at once, each cycle `t_mul` times as long and starting
    `m_mul` times as high as the one before (Loshchilov and Hutter, ICLR 2017). plateau: times
    `factor` after `patience` epochs without a better validation.

    Attributes:
        name: how the learning rate changes.
        t_mul: of cosine: each cycle is this many times as long as the one before.
        m_mul: of cosine: each cycle starts at this share of the rate of the one before.
        factor: of plateau: what the rate is multiplied by.
        patience: of plateau: epochs without a better validation.
    """

    name: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, description="epochs of rising from 0 at the start")] = 1.0
    cycle: Annotated[
        float | None, Field(gt=0, description="epochs of the first cycle; none: all of them")
    ] = None
    t_mul: Annotated[float, Field(ge=1)] = 2.0
    m_mul: Annotated[float, Field(gt=0, le=1)] = 1.0
    alpha: Annotated[float, Field(ge=0, le=1, description="share of the rate that remains")] = 0.01
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patience: Annotated[int, Field(ge=1)] = 5


class LoopOptions(Options):
    """What training and distilling have in common."""

    loss: Annotated[LossOptions, BeforeValidator(_expand_preset)] = LossOptions()
    class_weights: Annotated[
        bool, Field(description="rare classes count more in the cross-entropy")
    ] = False
    optimizer: OptimizerOptions = OptimizerOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    epochs: Annotated[int, Field(ge=1, description="maximum number of epochs")] = 50
    batch_size: Annotated[int, Field(ge=1, description="images per batch")] = 8
    gradient_accumulation: Annotated[
        int, Field(ge=1, description="batches whose gradients make one step")
    ] = 1
    ema_decay: Annotated[
        float, Field(ge=0, lt=1, description="of the moving average of the weights; 0: none")
    ] = 0.99
    early_stopping_patience: Annotated[
        int | None, Field(ge=1, description="epochs without a better validation; none: never")
    ] = None
    max_minutes: Annotated[
        float | None, Field(gt=0, description="no epoch begins that would end later than this")
    ] = None
    seed: Annotated[int, Field(ge=0, description="of weights, order and augmentation")] = 0
    deterministic: Annotated[
        bool, Field(description="slower; the same run gives the same figures to the last digit")
    ] = False
    mixed_precision: Annotated[
        bool, Field(description="compute in float16: faster on a GPU, slower without one")
    ] = False


FREE: dict[str, Any] = {
    **dict.fromkeys(
        ("epochs", "max_minutes", "early_stopping_patience", "batch_size", "initial_weight_share"),
        True,
    ),
    **dict.fromkeys(("name", "summary", "license", "foreground"), True),
    "data": {"check"},
}
"""What may differ when a run is gone on with, as pydantic's `exclude` names it."""


class TrainOptions(LoopOptions):
    """A training: what is trained on what, how, and what the result is called."""

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="of the model's card")
    ] = "model"
    summary: Annotated[str, Field(description="of the card")] = ""
    license: Annotated[str, Field(description="of the weights: what the data allow")] = "not stated"
    foreground: Annotated[
        tuple[str, ...], Field(description="classes that stay in front; none: all but the first")
    ] = ()
    network: NetworkOptions = NetworkOptions()
    data: DataOptions
    initial_weight_share: Annotated[
        float, Field(ge=0, lt=1, description="share of the starting weights in the result")
    ] = 0.0

    @model_validator(mode="after")
    def _check_class_count(self) -> TrainOptions:
        said, needed = self.network.classes, len(self.data.classes)
        if "classes" in self.network.model_fields_set and said != needed:
            raise ValueError(f"network.classes is {said}, data.classes names {needed}")
        return self

    @model_validator(mode="after")
    def _check_foreground(self) -> TrainOptions:
        if unknown := [name for name in self.foreground if name not in self.data.classes]:
            raise ValueError(f"foreground names {unknown[0]!r}, which is not in data.classes")
        return self

    @property
    def built_network(self) -> NetworkOptions:
        """The network with as many classes as the data have."""
        return self.network.model_copy(update={"classes": len(self.data.classes)})

    @property
    def taught_by(self) -> str:
        """Whom or what the network has its knowledge from, for the card."""
        return f"on {', '.join(path.name for path in self.data.paths)}"

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return self.model_dump(mode="json", exclude=FREE)


def load_train(
    config: Path | None, settings: Sequence[str] = (), *, data: Sequence[Path] = ()
) -> TrainOptions:
    """Read a training: a YAML file, then `settings`, then `data` as its paths.

    Raises:
        ConfigError: a key is unknown or a value wrong.
    """
    said = {"data": {"paths": [str(path) for path in data]}} if data else {}
    content = apply_settings(read_yaml(config) if config else {}, settings)
    where = str(config) if config else "the training"
    return validate(TrainOptions, merge(content, said), where=where)
