"""The road network as a structure to train: from its weights, smaller, other classes.

Its own knowledge is the best start for a road model that there is; half the sides of the picture
within is a quarter of the time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from rimlight.lab.importers.openvino_ir import read_ir
from rimlight.lab.importers.road import load_road
from rimlight.lab.training.networks.options import GRID_PX
from rimlight.lab.training.networks.road_adas import NumberedLayers, decode, encode, in_context

_STEM = "L0000_Conv2d_BN"


class _KerasLayers(NumberedLayers):
    """All layers are Keras's own, so that a saved network opens wherever Keras does."""

    def upsample(self, x: Any, factor: int) -> Any:
        name = self._name("Upsample")
        return layers.UpSampling2D(factor, interpolation="bilinear", name=name)(x)


def build_road(
    size: tuple[int, int], *, classes: int, downscale: int = 1, weights: Path | None = None
) -> keras.Model:
    """Build the network.

    Args:
        size: (width, height) of the picture, multiples of 32 * `downscale`.
        classes: channels of the result.
        downscale: by how much the picture is made smaller first, and the result larger at the end.
        weights: the .xml of road-segmentation-adas-0001, its .bin beside it; layers whose shape
            fits start from it. None: random weights.

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities float32
        (batch, height, width, classes). It has no batch normalization: that is part of the
        weights already.

    Raises:
        ValueError: `size` is not made of such multiples.
        ModelNotFoundError: `weights` cannot be read.
        ModelFormatError: `weights` is another network.
    """
    width, height = size
    if width % (GRID_PX * downscale) or height % (GRID_PX * downscale):
        raise ValueError(f"size must be made of multiples of {GRID_PX * downscale}, got {size}")
    make = _KerasLayers()
    picture = keras.Input((height, width, 3), name="picture")
    x = layers.AveragePooling2D(downscale)(picture) if downscale > 1 else picture
    half, quarter, eighth = encode(make, layers.Rescaling(255.0)(x))
    scores = decode(make, half, quarter, in_context(make, eighth), classes=classes)
    larger = layers.UpSampling2D(2 * downscale, interpolation="bilinear", dtype="float32")(scores)
    model = keras.Model(picture, layers.Softmax(dtype="float32")(larger), name="road")
    if weights is not None:
        _start_from(model, weights)
    return model


def _start_from(model: Any, weights: Path) -> None:
    known = load_road(read_ir(weights, weights.with_suffix(".bin")))
    for layer in model.layers:
        if not layer.weights:
            continue
        values = known.get_layer(layer.name).get_weights()
        if layer.name == _STEM:
            values[0] = np.ascontiguousarray(values[0][:, :, ::-1])  # it was made for BGR
        if [value.shape for value in values] == [weight.shape for weight in layer.weights]:
            layer.set_weights(values)
