"""Options of `rimlight distill` and `rimlight prune`.

Free of TensorFlow, because the command line reads the options for its help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rimlight.core.config import apply_settings, merge, read_yaml
from rimlight.core.errors import ConfigError
from rimlight.core.options import Options, validate
from rimlight.lab.training.options import FREE, TrainOptions


class TeacherOptions(Options):
    """Who teaches.

    Attributes:
        model: a name of the catalog, a card, or a .tflite or .keras file.
        models_dir: a folder of cards and models, searched first.
        flip_tta: ask twice, the second time with left and right swapped, and take the mean.
        means: what the teacher's classes are to the student, by name; those of the same name
            need no line, all others are the student's first class.
    """

    model: str
    models_dir: Path | None = None
    flip_tta: bool = False
    means: dict[str, str] = Field(default_factory=dict)


class DistillOptions(TrainOptions):
    """A training with a teacher; see `TrainOptions` for the rest. Labeled data may be missing."""

    teacher: TeacherOptions
    pictures: Annotated[
        tuple[Path, ...], Field(description="folders of pictures and clips without labels")
    ] = ()
    stride: Annotated[int, Field(ge=1, description="use every Nth frame of a clip")] = 5
    limit: Annotated[int | None, Field(ge=1, description="of each of `pictures`, at most")] = None
    passes: Annotated[int, Field(ge=1, description="times an epoch shows each picture")] = 1
    labeled_passes: Annotated[
        int, Field(ge=0, description="times an epoch shows each labeled picture")
    ] = 1
    temperature: Annotated[
        float, Field(ge=1, le=20, description="how much of the teacher's doubt is taught")
    ] = 2.0
    soft_weight: Annotated[float, Field(ge=0, description="weight of the teacher's answer")] = 0.7
    hard_weight: Annotated[
        float, Field(ge=0, description="weight of the labels, where there are any")
    ] = 0.3
    teacher_filter: Annotated[
        Literal["always", "agree-with-labels"],
        Field(
            description="agree-with-labels: a label against the teacher silences it at that pixel"
        ),
    ] = "agree-with-labels"

    @model_validator(mode="after")
    def _check_weights(self) -> DistillOptions:
        if not self.soft_weight + self.hard_weight:
            raise ValueError("soft_weight or hard_weight must weigh more than 0")
        return self

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return self.model_dump(mode="json", exclude={**FREE, "teacher": {"models_dir"}})

    @property
    def taught_by(self) -> str:
        """Whom or what the network has its knowledge from, for the card."""
        seen = ", ".join(path.name for path in (*self.data.paths, *self.pictures))
        return f"with the teacher {Path(self.teacher.model).stem}, on {seen}"


def load_distill(
    config: Path | None,
    settings: Sequence[str] = (),
    *,
    teacher: str | None = None,
    pictures: Sequence[Path] = (),
) -> DistillOptions:
    """Read a training with a teacher: a YAML file, then `settings`, then the rest.

    A file for `rimlight train` is as good: its network is the student.

    Raises:
        ConfigError: a key is unknown or a value wrong.
    """
    said: Mapping[str, Any] = {
        **({"teacher": {"model": teacher}} if teacher else {}),
        **({"pictures": [str(path) for path in pictures]} if pictures else {}),
    }
    content = apply_settings(read_yaml(config) if config else {}, settings)
    return validate(DistillOptions, merge(content, said), where=str(config or "the training"))


TUNING: Mapping[str, Any] = {
    "epochs": 10,
    "ema_decay": 0.99,
    "optimizer": {"learning_rate": 5e-4},
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
