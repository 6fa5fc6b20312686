"""Judge the opacity of the pixels around a mask with a small network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.hair.features import (
    COUNT,
    Image,
    compute_features,
    find_joined,
    find_surroundings,
)
from rimlight.system import app_paths

Floats = NDArray[np.float32]

FILE = "hair.npz"
"""The weights, in the folder of the shipped models; how they were made: its README."""
_CERTAIN = 0.8, 0.95
"""Scores from which on a mask is not doubted, and where it counts whatever the network says."""
_FAR, _RESTLESS = 0.13, (0.02, 0.08)
"""Hair is rare from this distance on; mean opacities there between which trust falls to nothing."""
_JOINED = 0.1
"""The least opacity by which hair is joined to the person."""
_LEAST_PX = 180
"""Root of the area of a person from which on hairs are no finer than pixels. Around smaller people
twigs, stones and door frames are taken for strands."""
_STEP_SIGMA = 0.8
"""Pixels; an outline beyond the hair is no sharper, so that it is no staircase."""
_ROWS = 1 << 15
"""Pixels that are looked at together: what lies between the layers stays small."""


@dataclass(frozen=True)
class Network:
    """Layers of a network that turns the features of a pixel into its opacity.

    Attributes:
        mean, deviation: float32 (features,), of the features in training.
        layers: weights (in, out) and biases (out,) of each layer.
    """

    mean: Floats
    deviation: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    def predict(self, features: Floats) -> Floats:
        """Return the opacities float32 (n,) in [0, 1] of features (n, count)."""
        parts = [self._predict(features[at : at + _ROWS]) for at in range(0, len(features), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _predict(self, features: Floats) -> Floats:
        values = (features - self.mean) / self.deviation
        *hidden, (weights, bias) = self.layers
        for inner, inner_bias in hidden:
            values = np.maximum(values @ inner + inner_bias, np.float32(0))
        return cast(Floats, 0.5 + 0.5 * np.tanh((values @ weights + bias)[:, 0] * np.float32(0.5)))


@lru_cache(maxsize=1)
def load_network() -> Network:
    """Load the shipped network.

    Raises:
        ValueError: its file does not hold the layers that it should.
    """
    with np.load(app_paths.find_data_folder("models") / FILE, allow_pickle=False) as file:
        values = [file[f"arr_{number}"].astype(np.float32) for number in range(len(file.files))]
    mean, deviation, *rest = values
    if mean.shape != (COUNT,):
        raise ValueError(f"{FILE} must have {COUNT} features, got {mean.shape}")
    return Network(mean, deviation, tuple(zip(rest[::2], rest[1::2], strict=True)))


def estimate_hair(
    picture: Image, scores: Floats, alpha_range: tuple[float, float] = (0.0, 1.0)
) -> Floats | None:
    """Estimate how opaque each pixel is, hairs that stand off from the mask included.

    Near the outline of the mask each pixel is judged by what tells hair from the room there. Beyond
    that, the mask decides; what is not joined to it is not added.

    Args:
        picture: uint8 (h, w, 3), BGR.
        scores: float32 (h, w) in [0, 1]: the mask.
        alpha_range: between which scores the mask is half-transparent.

    Returns:
        float32 (h, w) in [0, 1]; None where people are too small for single hairs.
    """
    near = find_surroundings(scores, _LEAST_PX)
    if near is None:
        return None
    features, looked = compute_features(picture, near)
    opacity = np.where(near.band, np.float32(0), _soften_steps(near.solid))
    opacity[looked] = load_network().predict(features)
    trust = _trust(opacity[near.band & (near.outside > _FAR)])
    own = _sharpen(scores, alpha_range)
    sure = (scores - np.float32(_CERTAIN[0])) / np.float32(_CERTAIN[1] - _CERTAIN[0])
    np.maximum(opacity, sure.clip(0, 1), out=opacity)
    opacity[~find_joined(opacity > _JOINED, near.solid)] = 0
    return cast(Floats, own + trust * (opacity - own))


def _soften_steps(solid: Image) -> Floats:
    """Return uint8 (h, w) of 0 and 1 as float32 with an outline about two pixels wide."""
    return cast(Floats, cv2.GaussianBlur(solid.astype(np.float32), (0, 0), _STEP_SIGMA))


def _trust(far: Floats) -> np.float32:
    """Return how much the network counts, by what it finds where hair hardly reaches.

    Before leaves or gravel it takes much of the room for hair.
    """
    found = float(far.mean()) if far.size else 0.0
    return np.float32(np.clip((_RESTLESS[1] - found) / (_RESTLESS[1] - _RESTLESS[0]), 0, 1))


def _sharpen(scores: Floats, alpha_range: tuple[float, float]) -> Floats:
    """Return what effects make of scores: a smooth step between both limits."""
    low, high = alpha_range
    share = np.clip((scores - np.float32(low)) / np.float32(high - low), 0, 1)
    return cast(Floats, share * share * (3 - 2 * share))
