"""DeepLabV3+ (Chen et al. 2018) and DeepLabV3 (Chen et al. 2017) on three backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from rimlight.lab.training.networks.layers import (
    convolution,
    depthwise,
    probabilities,
    resized_as,
    rounded,
)

_HEAD = 256
_DETAIL = 48


def deeplab(
    backbone: keras.Model,
    *,
    classes: int,
    rates: Sequence[int] = (6, 12, 18),
    width: float = 1.0,
    decoder: bool = True,
) -> keras.Model:
    """Build the network around a backbone.

    Args:
        backbone: from the picture to (fine, coarse), as `backbones.backbone` makes it; its coarse
            map is scored, its fine one gives the edges.
        classes: channels of the result.
        rates: dilations of the parallel convolutions; none: a pixel and the whole picture only.
        width: the channels of the head are multiplied by this.
        decoder: refine with the finer map (V3+), or enlarge the coarse scores at once (V3).

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities float32
        (batch, height, width, classes).
    """
    filters = rounded(_HEAD * width)
    picture, (fine, coarse) = backbone.inputs[0], backbone.outputs
    x = _atrous_pyramid(coarse, rates, filters)
    if decoder:
        x = _refined(x, fine, filters, rounded(_DETAIL * width))
    name = f"deeplab_{backbone.name}"
    return keras.Model(picture, probabilities(x, picture, classes), name=name)


def _atrous_pyramid(x: Any, rates: Sequence[int], filters: int) -> Any:
    """Look at every position through windows of several sizes, and at the whole (ASPP)."""
    whole = _mixed(layers.GlobalAveragePooling2D(keepdims=True)(x), filters)
    parts = [resized_as(whole, x), _mixed(x, filters)]
    parts += [_mixed(depthwise(x, rate=rate), filters) for rate in rates]
    return _mixed(layers.Concatenate()(parts), filters)


def _refined(x: Any, fine: Any, filters: int, detail: int) -> Any:
    x = layers.Concatenate()([resized_as(x, fine), _mixed(fine, detail)])
    for _ in range(2):
        x = _mixed(depthwise(x), filters)
    return x


def _mixed(x: Any, filters: int) -> Any:
    return convolution(x, filters, most=None)
