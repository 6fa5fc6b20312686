"""Gives batch normalization the statistics that were folded away, so that training may go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.unlabeled import frames_of
from rimlight.system import app_paths

_FRAMES = 8  # of either clip


def settle(model: keras.Model, norms: Sequence[Any]) -> None:
    """Let normalizations take out what they see, and put the same back; nothing else changes.

    In training they divide by the deviation of their batch. One that stands for no step at all, as
    after folding, would thereby rescale every channel, and what the weights know would be lost.

    Args:
        model: a network from RGB float32 (batch, height, width, 3) in 0..1, of a fixed size.
        norms: layers of it whose mean, variance, factor and offset are replaced.

    Raises:
        SourceError: the shipped clips, on whose frames it is measured, cannot be read.
    """
    seen = keras.Model(model.input, [norm.input for norm in norms])
    size = (model.input_shape[2], model.input_shape[1])
    moments = [_moments(seen(picture, training=False)) for picture in _pictures(size)]
    for norm, of_pictures in zip(norms, zip(*moments, strict=True), strict=True):
        mean, square = np.mean(of_pictures, axis=0)
        _replace(norm, mean, np.maximum(square - mean**2, 0))


def _moments(maps: Sequence[Any]) -> list[NDArray[np.float64]]:
    """Return of each map (1, h, w, channels) the means of values and squares, (2, channels)."""
    arrays = (np.asarray(one, np.float64) for one in maps)
    return [np.stack([x.mean((0, 1, 2)), (x**2).mean((0, 1, 2))]) for x in arrays]


def _replace(norm: Any, mean: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
    factor, offset, old_mean, old_variance = (np.asarray(x, np.float64) for x in norm.get_weights())
    slope = factor / np.sqrt(old_variance + norm.epsilon)
    new_factor = slope * np.sqrt(variance + norm.epsilon)
    norm.set_weights([new_factor, offset + slope * (mean - old_mean), mean, variance])


def _pictures(size: tuple[int, int]) -> Iterable[NDArray[np.float32]]:
    folder = app_paths.find_data_folder("samples")
    for frame in frames_of((folder / "portrait.mp4", folder / "road.mp4"), limit=_FRAMES):
        rgb = cv2.cvtColor(cv2.resize(frame.bgr, size), cv2.COLOR_BGR2RGB)
        yield np.asarray(rgb, np.float32)[None] / np.float32(255)
