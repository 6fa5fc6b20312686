"""Writes the card of a model that was made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from rimlight.core.errors import ModelError
from rimlight.core.model_card import ModelCard, ModelFile
from rimlight.core.tensor_specs import InputSpec, OutputSpec
from rimlight.lab.training.data.options import Fit
from rimlight.models.catalog import compute_sha256
from rimlight.system.atomic_io import write_text


def write_card(
    file: Path,
    *,
    size: tuple[int, int],
    classes: Sequence[str],
    foreground: Sequence[str] = (),
    fit: Fit = "stretch",
    name: str | None = None,
    summary: str = "",
    license: str = "not stated",
    origin: str = "",
    trained_on: str = "not stated",
    notes: str = "",
) -> Path:
    """Write the card of a network of `training.networks` beside its file: NAME.yaml.

    Args:
        file: a .keras file. Its hash is not in the card: training replaces it.
        size: (width, height) of its input.
        classes: of its output, the first is what lies behind.
        foreground: the classes that stay in front; () for all but the first.
        fit: how pictures came to their size in training; "cover" cut them, where the pipeline,
            which must show all of a frame, stretches it.
        name: what the card calls the model; None: what the file is called.
        summary: a line for `rimlight models list`.
        license: of the weights.
        origin: what it was made from.
        trained_on: the pictures that it was trained on.
        notes: anything else.

    Raises:
        ModelError: the card cannot be written.
    """
    card = ModelCard(
        name=name or file.stem,
        summary=summary,
        files=(ModelFile(file=file.name),),
        license=license,
        origin=origin,
        trained_on=trained_on,
        input=InputSpec(size=size, fit="letterbox" if fit == "letterbox" else "stretch"),
        output=OutputSpec(kind="softmax"),
        classes=tuple(classes),
        foreground=tuple(foreground) or tuple(classes[1:]),
        notes=notes,
    )
    return save_card(card, file.with_suffix(".yaml"))


def save_card(card: ModelCard, path: Path) -> Path:
    """Write a card as YAML, whole or not at all, and return its path.

    Raises:
        ModelError: it cannot be written.
    """
    data = card.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=96)
    write_text(path, text, ModelError)
    return path


def describe_card(file: Path) -> ModelFile:
    """Return the entry of a card for a file that will not change: its length and its hash.

    Raises:
        ModelNotFoundError: it cannot be read.
    """
    digest = compute_sha256(file)
    return ModelFile(file=file.name, sha256=digest, size_bytes=file.stat().st_size)
