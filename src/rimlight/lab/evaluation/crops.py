"""Cutting labeled pictures to what a task is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.core.registry import suggest

if TYPE_CHECKING:
    from rimlight.lab.evaluation.datasets import Sample

Crop = Callable[["Sample"], "Sample | None"]
"""Returns the cut sample, or None where there is nothing to cut out."""

HEADROOM = 0.05
UPPER_BODY = 0.55


def upper_body(sample: Sample) -> Sample | None:
    """Cut a standing person to what a webcam would show, at the picture's full width.

    From 5 % of the picture's height above the person's highest pixel down to 55 % of the
    person's height below it. None where the picture shows nobody.

    Raises:
        ConfigError: the sample has no true alpha.
    """
    if sample.alpha is None:
        raise ConfigError("the upper-body crop needs masks of a person")
    rows = np.flatnonzero((sample.alpha >= 0.5).any(axis=1))
    if not rows.size:
        return None
    top, height = int(rows[0]), int(rows[-1] + 1 - rows[0])
    begin = max(0, round(top - HEADROOM * sample.alpha.shape[0]))
    end = max(begin + 1, round(top + UPPER_BODY * height))
    picture = np.ascontiguousarray(sample.frame.bgr[begin:end])
    return replace(
        sample,
        frame=sample.frame.with_bgr(picture),
        alpha=np.ascontiguousarray(sample.alpha[begin:end]),
    )


CROPS: Mapping[str, Crop] = MappingProxyType({"upper-body": upper_body})


def crop(name: str) -> Crop:
    """Return the crop `name`.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in CROPS:
        raise ConfigError(f"unknown crop {name!r}", hint=suggest(name, tuple(CROPS)))
    return CROPS[name]
