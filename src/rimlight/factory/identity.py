"""What a run is made of: the content of the model and of every file that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rimlight.core.config import SegmenterConfig
from rimlight.factory.segmenter import choose_default_model, list_model_names
from rimlight.models.catalog import Catalog
from rimlight.system.fingerprints import compute_identity

_LONGEST_PATH = 4096
_SHAPES = ((16, 9), (1, 1))
"""Of pictures: the model "auto" is one for each."""


def describe_contents(run: Mapping[str, Any]) -> list[Any]:
    """Identify the files that a run reads: model, card, backgrounds, videos, folders.

    Args:
        run: a RunConfig as data, without what is read and written.

    Raises:
        ModelError: the model is not here, or not what its card says.
    """
    segmenter = SegmenterConfig.model_validate(run["segmenter"])
    rest = {**run, "segmenter": {**run["segmenter"], "models_dir": None}}
    return [_model_of(segmenter), [_identity(place) for place in sorted(_places_named(rest))]]


def _model_of(part: SegmenterConfig) -> list[Any]:
    """Return card and content of each model that a segmenter may open."""
    if not part.is_model:
        return []
    wanted = part.options
    catalog = Catalog(wanted.models_dir)
    names = (
        list_model_names(wanted.model)
        if wanted.model != "auto"
        else map(choose_default_model, _SHAPES)
    )
    facts = []
    for name in names:
        card, first = catalog.resolve(name)
        files = [first, *(first.with_name(file.file) for file in card.files[1:])]
        facts.append([card.model_dump(mode="json"), *map(_content, files)])
    return facts


def _content(file: Path) -> list[Any]:
    """Return the identity of a file without its time of change."""
    return _identity(file)[1:]


def _identity(place: Path) -> list[Any]:
    with suppress(OSError):
        return compute_identity(place)
    return ["not there"]


def _places_named(value: Any) -> set[Path]:
    """Return the files and folders that a run names anywhere."""
    if isinstance(value, Mapping):
        return {place for item in value.values() for place in _places_named(item)}
    if isinstance(value, (list, tuple)):
        return {place for item in value for place in _places_named(item)}
    if not isinstance(value, (str, Path)) or not 0 < len(str(value)) <= _LONGEST_PATH:
        return set()
    path = Path(os.path.expanduser(value))
    return {path} if os.path.exists(path) else set()
