"""Small networks for masks in real time on one thread of a CPU: light and Fast-SCNN.

Light has an encoder of inverted residuals (MobileNetV2, Sandler et al. 2018) down to a sixteenth
of the image, the gated head of MobileNetV3 (LR-ASPP, Howard et al. 2019), and a decoder that adds
the encoder's finer maps up to a quarter of the image. Fast-SCNN (Poudel, Liwicki, Cipolla 2019)
has a shallow path for detail and a deep one for context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Block:
    """An inverted residual: `inner` and `outer` channels at width 1."""

    inner: int
    outer: int
    step: int = 1
    rate: int = 1


_QUARTER = (_Block(48, 24, 2), _Block(72, 24))
_EIGHTH = (_Block(72, 40, 2), _Block(120, 40), _Block(120, 40))
_SIXTEENTH = (
    _Block(160, 80, 2),
    _Block(240, 80),
    _Block(240, 80, rate=2),
    _Block(240, 80, rate=2),
    _Block(240, 80),
)


def light(size: tuple[int, int], *, classes: int, width: float = 1.0) -> keras.Model:
    """Build the network with random weights.

    Args:
        size: (width, height) of the picture.
        classes: channels of the result.
        width: all inner channels are multiplied by this.

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities float32
        (batch, height, width, classes).
    """
    picture = keras.Input((size[1], size[0], 3), name="picture")
    half = convolution(picture, rounded(16 * width), 3, step=2)
    half = separable(half, rounded(16 * width))
    quarter = _stage(half, _QUARTER, width)
    eighth = _stage(quarter, _EIGHTH, width)
    x = _gated(_stage(eighth, _SIXTEENTH, width), rounded(64 * width))
    x = _merged(x, eighth, rounded(48 * width))
    x = _merged(x, quarter, rounded(32 * width))
    return keras.Model(picture, probabilities(x, picture, classes), name="light")


def _stage(x: Any, blocks: tuple[_Block, ...], width: float) -> Any:
    for block in blocks:
        inner, outer = rounded(block.inner * width), rounded(block.outer * width)
        x = inverted_residual(x, inner, outer, step=block.step, rate=block.rate)
    return x


def _gated(x: Any, filters: int) -> Any:
    """Let what the whole picture holds weigh the channels at every position."""
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Conv2D(filters, 1, activation="sigmoid")(whole)
    return layers.Multiply()([convolution(x, filters), weights])


def _merged(x: Any, finer: Any, filters: int) -> Any:
    """Enlarge `x` to the finer map, add that, and mix."""
    x = resized_as(convolution(x, filters, active=False), finer)
    return separable(layers.Add()([x, convolution(finer, filters, active=False)]), filters)


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
