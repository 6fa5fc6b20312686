"""The ego path: the trapezoid ahead of the vehicle, and its estimate from a video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import RunConfig, SourceConfig
from rimlight.core.errors import ConfigError, SourceError
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.offline.preview import sample_frames

Trapezoid = tuple[float, float, float, float, float, float]
DEFAULT_EGO_PATH: Trapezoid = (0.15, 0.85, 0.92, 0.42, 0.58, 0.62)
"""Left, right and y of the near edge, then of the far edge, as shares of the frame."""

GROUND_CLASSES = ("road", "mark", "lane")

_REPEATABLE_SOURCES = ("video", "concat", "images", "animation")
"""Sources that yield the same frames when they are opened again."""
_SAMPLED_FRAMES = 12
"""Number of frames that an estimate uses."""
_MIN_ROAD_SHARE = 0.25
"""A row is above the bonnet if at least this share of the frames shows road there."""
_MIN_NEAR_EDGE = 0.7
"""Upper bound of the bonnet's height."""
_MARGIN = 0.01


def parse_ego_path(text: str) -> Trapezoid:
    """Read "0.15,0.85,0.92,0.42,0.58,0.62".

    Raises:
        ConfigError: there are not six shares, or the far edge is not above the near one.
    """
    try:
        near_left, near_right, near, far_left, far_right, far = map(float, text.split(","))
    except ValueError:
        near_left = near_right = near = far_left = far_right = far = -1.0
    values = (near_left, near_right, near, far_left, far_right, far)
    rising = near_left < near_right and far_left < far_right and far < near
    if not rising or min(values) < 0 or max(values) > 1:
        raise ConfigError(
            f"{text!r} is not a valid ego path",
            hint="give six shares of the frame: left, right and y of the near edge, then of the "
            "far edge, such as " + ",".join(f"{share:g}" for share in DEFAULT_EGO_PATH),
        )
    return values


def estimate_ego_path(config: RunConfig) -> Trapezoid:
    """Estimate the ego path from frames spread over the source; the default for live ones.

    Raises:
        ModelError: the model does not open.
    """
    is_stream = "://" in config.source.path
    if config.source.kind not in _REPEATABLE_SOURCES or is_stream:
        return DEFAULT_EGO_PATH
    frames: list[Frame] = []
    # The run itself reports a source that fails.
    with suppress(SourceError):
        frames.extend(sample_frames(_select_middle_file(config.source), _SAMPLED_FRAMES))
    if not frames:
        return DEFAULT_EGO_PATH
    with closing(open_segmenter(config.segmenter, frames[0].size)) as segmenter:
        return fit_ego_path([segmenter.segment(frame) for frame in frames])


def _select_middle_file(source: SourceConfig) -> SourceConfig:
    """Return the middle file of a multi-file drive as a source."""
    paths = source.given.get("paths")
    if source.kind != "concat" or not isinstance(paths, list | tuple):
        return source
    return SourceConfig.model_validate({"kind": "video", "path": paths[len(paths) // 2]})


def fit_ego_path(masks: Sequence[Mask]) -> Trapezoid:
    """Return the default path with its near edge raised above the bonnet.

    The bonnet is where the middle of the frame never shows road, because anything else that hides
    the road moves. If the model classifies the bonnet as road, which some do at night, the edge
    stays.
    """
    known = [mask for mask in masks if any(name in mask.classes for name in GROUND_CLASSES)]
    if not known:
        return DEFAULT_EGO_PATH
    has_road = np.mean([_find_ground_rows(mask) for mask in known], axis=0) >= _MIN_ROAD_SHARE
    if not has_road.any():
        return DEFAULT_EGO_PATH
    lowest = (np.flatnonzero(has_road)[-1] + 1) / len(has_road) - _MARGIN
    return crop_ego_path(max(_MIN_NEAR_EDGE, float(lowest)))


def crop_ego_path(near: float) -> Trapezoid:
    """Return the default path with its near edge moved up to the y `near`, never down."""
    left, right, lowest, far_left, far_right, far = DEFAULT_EGO_PATH
    if near >= lowest:
        return DEFAULT_EGO_PATH
    share = (near - far) / (lowest - far)
    near_left, near_right = (
        far_left + share * (left - far_left),
        far_right + share * (right - far_right),
    )
    return (round(near_left, 4), round(near_right, 4), round(near, 4), far_left, far_right, far)


def compute_corners(ego_path: Trapezoid) -> NDArray[np.float64]:
    """Return the four corners as (x, y) in shares of the frame, float64 (4, 2)."""
    near_left, near_right, near, far_left, far_right, far = ego_path
    return np.array([[near_left, near], [near_right, near], [far_right, far], [far_left, far]])


def rasterize_ego_path(ego_path: Trapezoid, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return uint8 (height, width): 1 inside of the ego path, else 0."""
    area = np.zeros(shape, np.uint8)
    points = np.rint(compute_corners(ego_path) * (shape[1] - 1, shape[0] - 1)).astype(np.int32)
    cv2.fillConvexPoly(area, points, 1)
    return area


def _find_ground_rows(mask: Mask) -> NDArray[np.bool_]:
    """Return for each of 100 rows whether most of its middle third is ground, bool (100,)."""
    width = mask.shape[1]
    ground = [mask.classes.index(name) for name in GROUND_CLASSES if name in mask.classes]
    middle = np.isin(mask.labels[:, width // 3 : width - width // 3], ground)
    rows = middle.mean(axis=1).astype(np.float32).reshape(-1, 1)
    return np.asarray(cv2.resize(rows, (1, 100))[:, 0] > 0.5, np.bool_)
