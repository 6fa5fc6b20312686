"""Fast-SCNN (Poudel, Liwicki, Cipolla 2019): a shallow path for detail, a deep one for context."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from rimlight.lab.training.networks.layers import (
    convolution,
    depthwise,
    inverted_residual,
    probabilities,
    resized_as,
    rounded,
    separable,
)

_STAGES = ((64, 2), (96, 2), (128, 1))  # channels, step; three bottlenecks each
_EXPANSION = 6
_BINS = (1, 2, 3, 6)


def fast_scnn(size: tuple[int, int], *, classes: int, width: float = 1.0) -> keras.Model:
    """Build the network with random weights; arguments and model are as in `light.light`.

    The paper's size is 2048x1024; halves of it work well.
    """
    picture = keras.Input((size[1], size[0], 3), name="picture")
    x = convolution(picture, rounded(32 * width), 3, step=2)
    x = separable(x, rounded(48 * width), step=2)
    eighth = separable(x, rounded(64 * width), step=2)
    x = _fused(_context(eighth, width), eighth, rounded(128 * width))
    for _ in range(2):
        x = separable(x, rounded(128 * width))
    return keras.Model(picture, probabilities(x, picture, classes), name="fast_scnn")


def _context(x: Any, width: float) -> Any:
    for channels, step in _STAGES:
        for number in range(3):
            inner = x.shape[-1] * _EXPANSION
            x = inverted_residual(x, inner, rounded(channels * width), step=1 if number else step)
    return _pooled_pyramid(x)


def _pooled_pyramid(x: Any) -> Any:
    """Join means over a few large tiles to every position (PSPNet, Zhao et al. 2017)."""
    parts = [x]
    for bins in _BINS:
        tile = math.ceil(x.shape[1] / bins), math.ceil(x.shape[2] / bins)
        mean = layers.AveragePooling2D(tile, strides=tile, padding="same")(x)
        parts.append(resized_as(convolution(mean, rounded(x.shape[-1] / len(_BINS))), x))
    return convolution(layers.Concatenate()(parts), x.shape[-1])


def _fused(coarse: Any, fine: Any, filters: int) -> Any:
    larger = depthwise(resized_as(coarse, fine))
    larger = convolution(larger, filters, active=False)
    return layers.ReLU(6.0)(layers.Add()([larger, convolution(fine, filters, active=False)]))
