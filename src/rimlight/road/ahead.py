"""The path in front of the bonnet: where it is, and how it is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import PartConfig, RunConfig
from rimlight.core.errors import ConfigError, SourceError
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.offline.preview import spread_frames

Trapezoid = tuple[float, float, float, float, float, float]
AHEAD: Trapezoid = (0.15, 0.85, 0.92, 0.42, 0.58, 0.62)
"""Left and right end and height of the near edge, then of the far edge, as shares of the frame."""

GROUND = ("road", "mark", "lane")

_LASTING = ("video", "drive", "images", "animation")
"""Sources that give the same frames again when they are opened for the run."""
_LOOKS = 12
"""Frames that a guess is made from."""
_OFTEN = 0.25
"""A row is not the bonnet's when so many of the frames show road there."""
_HIGHEST = 0.7
"""A bonnet does not reach further up than this."""
_MARGIN = 0.01


def parse_ahead(text: str) -> Trapezoid:
    """Read "0.15,0.85,0.92,0.42,0.58,0.62".

    Raises:
        ConfigError: these are not six shares, or the far edge is not above the near one.
    """
    try:
        near_left, near_right, near, far_left, far_right, far = map(float, text.split(","))
    except ValueError:
        near_left = near_right = near = far_left = far_right = far = -1.0
    values = (near_left, near_right, near, far_left, far_right, far)
    rising = near_left < near_right and far_left < far_right and far < near
    if not rising or min(values) < 0 or max(values) > 1:
        raise ConfigError(
            f"{text!r} is no path ahead",
            hint="six shares of the picture: left, right and height of the near edge, then of the "
            "far one, such as " + ",".join(f"{share:g}" for share in AHEAD),
        )
    return values


def look_ahead(config: RunConfig) -> Trapezoid:
    """Guess the path ahead from some frames spread over the source of a run; not of a live one.

    Raises:
        ModelError: the model does not open.
    """
    is_stream = "://" in str(config.source.options.get("path", ""))
    if config.source.kind not in _LASTING or is_stream:
        return AHEAD
    frames: list[Frame] = []
    # What is wrong with the source is for the run itself to say.
    with suppress(SourceError):
        frames.extend(spread_frames(_middle(config.source), _LOOKS))
    if not frames:
        return AHEAD
    with closing(open_segmenter(config.segmenter, frames[0].size)) as segmenter:
        return guess_ahead([segmenter.segment(frame) for frame in frames])


def _middle(source: PartConfig) -> PartConfig:
    """Return the middle file of a drive of many as a source of its own."""
    paths = source.options.get("paths")
    if source.kind != "drive" or not isinstance(paths, list | tuple):
        return source
    return PartConfig.model_validate({"kind": "video", "path": paths[len(paths) // 2]})


def guess_ahead(masks: Sequence[Mask]) -> Trapezoid:
    """Return `AHEAD`, its near edge raised to where the road begins above the bonnet.

    The bonnet is where the middle of the picture never shows road: what else hides the road moves.
    A model that takes the bonnet for road, as some do at night, leaves the edge where it was.
    """
    known = [mask for mask in masks if any(name in mask.classes for name in GROUND)]
    if not known:
        return AHEAD
    often = np.mean([_rows(mask) for mask in known], axis=0) >= _OFTEN
    if not often.any():
        return AHEAD
    lowest = (np.flatnonzero(often)[-1] + 1) / len(often) - _MARGIN
    return raised(max(_HIGHEST, float(lowest)))


def raised(near: float) -> Trapezoid:
    """Return `AHEAD` cut off below the height `near`, if that is above its own near edge."""
    left, right, lowest, far_left, far_right, far = AHEAD
    if near >= lowest:
        return AHEAD
    part = (near - far) / (lowest - far)
    near_left, near_right = (
        far_left + part * (left - far_left),
        far_right + part * (right - far_right),
    )
    return (round(near_left, 4), round(near_right, 4), round(near, 4), far_left, far_right, far)


def corners(ahead: Trapezoid) -> NDArray[np.float64]:
    """Return the four corners as (x, y) shares of the frame, float64 (4, 2)."""
    near_left, near_right, near, far_left, far_right, far = ahead
    return np.array([[near_left, near], [near_right, near], [far_right, far], [far_left, far]])


def inside(ahead: Trapezoid, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return 1 where a pixel of a mask of (height, width) lies in the path ahead, else 0."""
    area = np.zeros(shape, np.uint8)
    points = np.rint(corners(ahead) * (shape[1] - 1, shape[0] - 1)).astype(np.int32)
    cv2.fillConvexPoly(area, points, 1)
    return area


def _rows(mask: Mask) -> NDArray[np.bool_]:
    """Return for 100 heights whether most of the middle third is ground there."""
    width = mask.shape[1]
    ground = [mask.classes.index(name) for name in GROUND if name in mask.classes]
    middle = np.isin(mask.labels[:, width // 3 : width - width // 3], ground)
    rows = middle.mean(axis=1).astype(np.float32).reshape(-1, 1)
    return np.asarray(cv2.resize(rows, (1, 100))[:, 0] > 0.5, np.bool_)
