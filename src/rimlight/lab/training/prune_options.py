"""`rimlight prune`: how much goes, and how the rest is trained again. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rimlight.core.config import apply_settings, merge, read_yaml
from rimlight.core.errors import ConfigError
from rimlight.core.options import Options, validate
from rimlight.lab.training.options import TrainOptions

TUNING: Mapping[str, Any] = {
    "epochs": 10,
    "average": 0.99,
    "optimizer": {"rate": 5e-4},
    "schedule": {"name": "cosine", "warmup": 0.0},
}
"""What differs from a training from random weights: less of everything."""

_FIELDS = TrainOptions.model_fields


class PruneOptions(Options):
    """What is taken away.

    Attributes:
        sparsity: the share of weights, or of filters, that goes.
        what: "weights": the smallest of each kernel become zero, which compresses and changes no
            time; "filters": the least of the widened channels go for good, which saves time.
        ramp: of weights: the share of the epochs over which the zeros come, before the rest is
            trained with all of them.
    """

    sparsity: Annotated[float, Field(gt=0, lt=1)] = 0.3
    what: Literal["weights", "filters"] = "weights"
    ramp: Annotated[float, Field(gt=0, lt=1)] = 0.5


def load_tuning(
    config: Path | None,
    settings: Sequence[str] = (),
    *,
    data: Sequence[Path] = (),
    trained: Mapping[str, Any] | None = None,
) -> TrainOptions:
    """Say how a pruned model is trained again.

    Args:
        config: the YAML file of its training; None: `trained` is taken.
        settings: KEY=VALUE, over the file and over `TUNING`.
        data: instead of the training's data.paths.
        trained: what the training's own folder remembers of it; what was said of a teacher, or
            of an earlier pruning, does not count.

    Raises:
        ConfigError: a key is unknown, a value wrong, or nothing says what to train on.
    """
    if config is None and trained is None:
        raise ConfigError(
            "nothing says what the model was trained on",
            hint="give the configuration file of the training, or keep last.npz next to the model",
        )
    kept = {key: value for key, value in (trained or {}).items() if key in _FIELDS}
    content = merge(read_yaml(config) if config else kept, TUNING)
    said = {"data": {"paths": [str(path) for path in data]}} if data else {}
    content = apply_settings(merge(content, said), settings)
    return validate(TrainOptions, content, where=str(config) if config else "the training")
