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
    add_convolution,
    add_depthwise,
    add_inverted_residual,
    add_probabilities,
    add_separable,
    resize_like,
    round_channels,
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


def build_light(size: tuple[int, int], *, classes: int, width: float = 1.0) -> keras.Model:
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
    half = add_convolution(picture, round_channels(16 * width), 3, step=2)
    half = add_separable(half, round_channels(16 * width))
    quarter = _add_stage(half, _QUARTER, width)
    eighth = _add_stage(quarter, _EIGHTH, width)
    x = _gate(_add_stage(eighth, _SIXTEENTH, width), round_channels(64 * width))
    x = _merge(x, eighth, round_channels(48 * width))
    x = _merge(x, quarter, round_channels(32 * width))
    return keras.Model(picture, add_probabilities(x, picture, classes), name="light")


def _add_stage(x: Any, blocks: tuple[_Block, ...], width: float) -> Any:
    for block in blocks:
        inner, outer = round_channels(block.inner * width), round_channels(block.outer * width)
        x = add_inverted_residual(x, inner, outer, step=block.step, rate=block.rate)
    return x


def _gate(x: Any, filters: int) -> Any:
    """Let what the whole picture holds weigh the channels at every position."""
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Conv2D(filters, 1, activation="sigmoid")(whole)
    return layers.Multiply()([add_convolution(x, filters), weights])


def _merge(x: Any, finer: Any, filters: int) -> Any:
    """Enlarge `x` to the finer map, add that, and mix."""
    x = resize_like(add_convolution(x, filters, active=False), finer)
    return add_separable(layers.Add()([x, add_convolution(finer, filters, active=False)]), filters)


_STAGES = ((64, 2), (96, 2), (128, 1))  # channels, step; three bottlenecks each
_EXPANSION = 6
_BINS = (1, 2, 3, 6)


def build_fast_scnn(size: tuple[int, int], *, classes: int, width: float = 1.0) -> keras.Model:
    """Build the network with random weights; arguments and model are as in `build_light`.

    The paper's size is 2048x1024; halves of it work well.
    """
    picture = keras.Input((size[1], size[0], 3), name="picture")
    x = add_convolution(picture, round_channels(32 * width), 3, step=2)
    x = add_separable(x, round_channels(48 * width), step=2)
    eighth = add_separable(x, round_channels(64 * width), step=2)
    x = _fuse(_add_context(eighth, width), eighth, round_channels(128 * width))
    for _ in range(2):
        x = add_separable(x, round_channels(128 * width))
    return keras.Model(picture, add_probabilities(x, picture, classes), name="fast_scnn")


def _add_context(x: Any, width: float) -> Any:
    for channels, step in _STAGES:
        for number in range(3):
            inner = x.shape[-1] * _EXPANSION
            x = add_inverted_residual(
                x, inner, round_channels(channels * width), step=1 if number else step
            )
    return _pool_pyramid(x)


def _pool_pyramid(x: Any) -> Any:
    """Join means over a few large tiles to every position (PSPNet, Zhao et al. 2017)."""
    parts = [x]
    for bins in _BINS:
        tile = math.ceil(x.shape[1] / bins), math.ceil(x.shape[2] / bins)
        mean = layers.AveragePooling2D(tile, strides=tile, padding="same")(x)
        parts.append(
            resize_like(add_convolution(mean, round_channels(x.shape[-1] / len(_BINS))), x)
        )
    return add_convolution(layers.Concatenate()(parts), x.shape[-1])


def _fuse(coarse: Any, fine: Any, filters: int) -> Any:
    larger = add_depthwise(resize_like(coarse, fine))
    larger = add_convolution(larger, filters, active=False)
    return layers.ReLU(6.0)(layers.Add()([larger, add_convolution(fine, filters, active=False)]))
