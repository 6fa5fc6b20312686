"""What a Keras model computes, in the terms of an imported graph, so that the two compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from keras import layers

from rimlight.lab.importers.openvino import Step
from rimlight.lab.training.networks.road_adas import AlignedUpsampling

_KINDS = {
    layers.InputLayer: "Parameter",
    layers.Conv2D: "Convolution",
    layers.DepthwiseConv2D: "GroupConvolution",
    layers.ReLU: "ReLU",
    layers.Add: "Add",
    layers.MaxPooling2D: "MaxPool",
    layers.AveragePooling2D: "AvgPool",
    layers.Softmax: "SoftMax",
    AlignedUpsampling: "Interpolate",
}


def difference(found: Mapping[str, Step], expected: Mapping[str, Step]) -> str | None:
    """Say where `found` first departs from `expected`; None when it does not."""
    for name, step in expected.items():
        if name not in found:
            return f"there is no layer {name!r}"
        for field in fields(Step):
            has, wants = getattr(found[name], field.name), getattr(step, field.name)
            if has != wants:
                return f"{field.name} of layer {name!r} is {has}, expected {wants}"
    if surplus := [name for name in found if name not in expected]:
        return f"layer {surplus[0]!r} is too many"
    return None


def model_steps(model: Any) -> dict[str, Step]:
    """Return what `model` computes, by layer name; padding counts to the layer that it feeds."""
    makers = {id(layer.output): layer for layer in model.layers}
    return {
        layer.name: _step(layer, makers)
        for layer in model.layers
        if not isinstance(layer, layers.ZeroPadding2D)
    }


def _step(layer: Any, makers: Mapping[int, Any]) -> Step:
    given = [] if isinstance(layer, layers.InputLayer) else _listed(layer.input)
    feeding, padding = [makers[id(tensor)] for tensor in given], (0, 0)
    if feeding and isinstance(feeding[0], layers.ZeroPadding2D):
        padding = tuple(before for before, _ in feeding[0].padding)
        feeding = [makers[id(feeding[0].input)]]
    _, height, width, channels = layer.output.shape
    return Step(
        _KINDS[type(layer)],
        tuple(sorted(source.name for source in feeding)),
        (channels, height, width),
        *_geometry(layer, padding),
    )


def _listed(tensors: Any) -> list[Any]:
    return tensors if isinstance(tensors, list) else [tensors]


def _geometry(layer: Any, padding: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return window, stride, dilation and pad."""
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        return layer.pool_size, layer.strides
    if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        return ()
    window, dilation = layer.kernel_size, layer.dilation_rate
    if layer.padding == "same":  # centerd, for the odd windows and strides of 1 used with it
        padding = tuple(d * (w // 2) for d, w in zip(dilation, window, strict=True))
    return window, layer.strides, dilation, padding
