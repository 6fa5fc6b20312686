"""From what a user types to open data sets."""

from __future__ import annotations

import os
from fractions import Fraction
from functools import partial
from pathlib import Path

from rimlight.core.addresses import hide_secrets
from rimlight.core.config import SourceConfig
from rimlight.core.errors import ConfigError
from rimlight.factory import pipeline
from rimlight.lab.evaluation.clips import SourceData
from rimlight.lab.evaluation.crops import crop as crop_named
from rimlight.lab.evaluation.datasets import SEQUENCE_RATE, Data, FolderData
from rimlight.lab.evaluation.labels import scheme
from rimlight.lab.evaluation.layout import pictures_in, what_lies_in
from rimlight.sources import guess_source


def open_data(
    spec: str,
    *,
    labels: str | None = None,
    crop: str | None = None,
    limit: int | None = None,
    rate: float = float(SEQUENCE_RATE),
) -> Data:
    """Return the data set that `spec` names.

    Args:
        spec: a folder with `images` and `masks`; or a source: a clip, a folder of pictures
            without masks, "test-pattern".
        labels: the scheme of the folder's masks; None looks at the first one.
        crop: the name of a crop.
        limit: use only this many pictures.
        rate: frames a second of a numbered sequence of pictures.

    Raises:
        ConfigError: a name is unknown, the folder is not in order, or a source is cropped.
        SourceError: the source does not open.
    """
    folder = Path(os.path.expanduser(spec))
    if any(os.path.isdir(folder / name) for name in ("images", "masks")):
        return FolderData(
            folder,
            scheme=scheme(labels) if labels else None,
            crop=crop_named(crop) if crop else None,
            limit=limit,
            rate=Fraction(rate).limit_denominator(1001),
        )
    if crop or labels:
        raise ConfigError(f"{spec} has no masks: --crop and --labels need them")
    if os.path.isdir(folder) and not pictures_in(folder):
        raise ConfigError(
            f"{folder} holds no pictures: there is {what_lies_in(folder)}",
            hint="name a folder with images/ and masks/ (or labels/), or one of pictures",
        )
    part = SourceConfig.model_validate(guess_source(spec))
    return SourceData(
        partial(pipeline.open_source, part), name=Path(hide_secrets(spec)).name or spec, limit=limit
    )
