"""`rimlight train`: network, data and loop, as one file says it. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from rimlight.core.config import apply_settings, merge, read_yaml
from rimlight.core.options import validate
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.loop_options import LoopOptions
from rimlight.lab.training.networks.options import NetworkOptions

FREE: dict[str, Any] = {
    **dict.fromkeys(("epochs", "minutes", "early_stop", "batch", "keep_start"), True),
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
    keep_start: Annotated[
        float, Field(ge=0, lt=1, description="share of the starting weights in the result")
    ] = 0.0

    @model_validator(mode="after")
    def _as_many_classes(self) -> TrainOptions:
        said, needed = self.network.classes, len(self.data.classes)
        if "classes" in self.network.model_fields_set and said != needed:
            raise ValueError(f"network.classes is {said}, data.classes names {needed}")
        return self

    @model_validator(mode="after")
    def _foreground_is_known(self) -> TrainOptions:
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
