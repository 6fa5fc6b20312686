"""DeepLabV3+ (Chen et al. 2018) and DeepLabV3 (Chen et al. 2017) on three backbones.

The backbones are Keras's own, cut to two maps and kept fine by dilation: MobileNetV2 (Sandler et
al. 2018), MobileNetV3-Large (Howard et al. 2019) and Xception (Chollet 2017), with the layer names
of `keras.applications`, so that weights published for these load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.lab.training.networks.layers import (
    MOMENTUM,
    add_convolution,
    add_depthwise,
    add_probabilities,
    resize_like,
    round_channels,
)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How `keras.applications` makes a backbone, and the layers that give its two maps."""

    build: Callable[[Any, float], keras.Model]
    fine: str
    coarse: str


def _build_mobilenet_v2(picture: Any, width: float) -> keras.Model:
    return keras.applications.MobileNetV2(
        input_tensor=picture, alpha=width, include_top=False, weights=None
    )


def _build_mobilenet_v3(picture: Any, width: float) -> keras.Model:
    return keras.applications.MobileNetV3Large(
        input_tensor=picture,
        alpha=width,
        include_top=False,
        weights=None,
        include_preprocessing=False,
    )


def _build_xception(picture: Any, width: float) -> keras.Model:
    if width != 1.0:
        raise ValueError(f"Xception has one width, 1.0, got {width}")
    return keras.applications.Xception(input_tensor=picture, include_top=False, weights=None)


_RECIPES = {
    "mobilenetv2": _Recipe(_build_mobilenet_v2, "block_3_expand_relu", "block_16_project_BN"),
    "mobilenetv3": _Recipe(_build_mobilenet_v3, "expanded_conv_2_add", "expanded_conv_14_add"),
    "xception": _Recipe(_build_xception, "block3_sepconv2_bn", "block14_sepconv2_act"),
}


def build_backbone(
    name: str,
    size: tuple[int, int],
    *,
    width: float = 1.0,
    stride: int = 16,
    weights: Path | None = None,
) -> keras.Model:
    """Build a backbone.

    Args:
        name: "mobilenetv2", "mobilenetv3" or "xception".
        size: (width, height) of the picture.
        width: multiplies its channels.
        stride: 8, 16 or 32, of the coarse map.
        weights: a .keras or .weights.h5 file of this backbone as `keras.applications` makes it
            with `include_top=False`, or the .h5 file published for that; None for random ones.

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to two maps: a fine one at a
        quarter of the picture, and a coarse one at a `stride`-th.

    Raises:
        ValueError: Xception with another width than 1.
        ModelNotFoundError: there is no file `weights`.
        ModelFormatError: it holds other weights.
    """
    recipe = _RECIPES[name]
    picture = keras.Input((size[1], size[0], 3), name="picture")
    centered = layers.Rescaling(2.0, -1.0, name="centered")(picture)  # what they were trained on
    original = recipe.build(centered, width)
    if weights:
        _load(original, weights)
    model = _find_finer(original, stride)
    model.set_weights(original.get_weights())
    maps = [model.get_layer(layer).output for layer in (recipe.fine, recipe.coarse)]
    return keras.Model(model.inputs, maps, name=name)


def _load(model: keras.Model, weights: Path) -> None:
    if not weights.is_file():
        raise ModelNotFoundError(f"there is no file {weights}", hint="check backbone_weights")
    try:
        if weights.suffix == ".keras":
            model.set_weights(keras.saving.load_model(weights, compile=False).get_weights())
        else:
            model.load_weights(weights)
    # Keras raises whatever its readers raise: ValueError, KeyError, zip and HDF5 errors.
    except Exception as exc:
        raise ModelFormatError(
            f"{weights} does not hold the weights of {model.name}: "
            f"{' '.join(str(exc).split())[:200]}",
            hint="save them from keras.applications with include_top=False and the same width",
        ) from exc


def _find_finer(model: keras.Model, stride: int) -> keras.Model:
    """Rebuild a model so that its maps stay at `stride`: steps become dilation (DeepLab).

    Windows then reach as far as before, and the weights keep their shapes. Besides, every window
    is centered on its pixel, so that maps of all sizes lie on the picture alike, and batch
    normalization follows short trainings.
    """
    strides, padded = _find_strides(model), _is_fed_by_padding(model)

    def rebuilt(layer: Any) -> Any:
        if not isinstance(layer, layers.Layer):
            return layer  # plain arithmetic, as in MobileNetV3's gates
        config, behind = layer.get_config(), strides[layer.name]
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = MOMENTUM
        if isinstance(layer, layers.ZeroPadding2D) and behind >= stride:
            config["padding"] = 0  # it served the step that is gone
        if config.get("padding") == "valid" and (layer.name not in padded or behind >= stride):
            config["padding"] = "same"
        if behind >= stride and "strides" in config:
            config["strides"] = (1, 1)
        if behind > stride and "dilation_rate" in config:
            config["dilation_rate"] = (behind // stride, behind // stride)
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=rebuilt)


def _find_strides(model: keras.Model) -> dict[str, int]:
    """Return, by layer name, for how many pixels one position of a layer's input stands."""
    given: dict[str, int] = {}
    makes: dict[int | None, int] = {}
    for layer in model.operations:
        given[layer.name] = makes.get(_get_first_input(layer), 1)
        own = getattr(layer, "strides", (1, 1))[0]
        makes[id(layer.output)] = given[layer.name] * own
    return given


def _is_fed_by_padding(model: keras.Model) -> set[str]:
    steps = model.operations
    pads = {id(x.output) for x in steps if isinstance(x, layers.ZeroPadding2D)}
    return {x.name for x in steps if _get_first_input(x) in pads}


def _get_first_input(layer: Any) -> int | None:
    """Return the first input tensor of a layer; None for an input layer."""
    given = keras.tree.flatten(layer.input)
    return id(given[0]) if given else None


_HEAD = 256
_DETAIL = 48


def build_deeplab(
    backbone: keras.Model,
    *,
    classes: int,
    rates: Sequence[int] = (6, 12, 18),
    width: float = 1.0,
    decoder: bool = True,
) -> keras.Model:
    """Build the network around a backbone.

    Args:
        backbone: from the picture to (fine, coarse), as `build_backbone` makes it; its coarse
            map is scored, its fine one gives the edges.
        classes: channels of the result.
        rates: dilations of the parallel convolutions; none: a pixel and the whole picture only.
        width: the channels of the head are multiplied by this.
        decoder: refine with the finer map (V3+), or enlarge the coarse scores at once (V3).

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities float32
        (batch, height, width, classes).
    """
    filters = round_channels(_HEAD * width)
    picture, (fine, coarse) = backbone.inputs[0], backbone.outputs
    x = _add_atrous_pyramid(coarse, rates, filters)
    if decoder:
        x = _refine(x, fine, filters, round_channels(_DETAIL * width))
    name = f"deeplab_{backbone.name}"
    return keras.Model(picture, add_probabilities(x, picture, classes), name=name)


def _add_atrous_pyramid(x: Any, rates: Sequence[int], filters: int) -> Any:
    """Look at every position through windows of several sizes, and at the whole (ASPP)."""
    whole = _mix(layers.GlobalAveragePooling2D(keepdims=True)(x), filters)
    parts = [resize_like(whole, x), _mix(x, filters)]
    parts += [_mix(add_depthwise(x, rate=rate), filters) for rate in rates]
    return _mix(layers.Concatenate()(parts), filters)


def _refine(x: Any, fine: Any, filters: int, detail: int) -> Any:
    x = layers.Concatenate()([resize_like(x, fine), _mix(fine, detail)])
    for _ in range(2):
        x = _mix(add_depthwise(x), filters)
    return x


def _mix(x: Any, filters: int) -> Any:
    return add_convolution(x, filters, most=None)
