"""road-segmentation-adas-0001 in Keras, and its graph as comparable steps.

An encoder of residual bottlenecks with rising dilation (after ENet, Paszke et al. 2016, and the
depthwise convolutions of MobileNet, Howard et al. 2017), two pooled context branches, and a decoder
that adds the encoder's finer maps. The structure follows the published graph of Intel's Open Model
Zoo (Apache-2.0), its batch normalization folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from rimlight.lab.importers.openvino import Step
from rimlight.lab.training.networks.options import GRID_PX

CLASSES = ("background", "road", "curb", "mark")


@dataclass(frozen=True, slots=True)
class _Block:
    """A bottleneck: 1x1 to `inner` channels, depthwise 3x3 with `dilation`, 1x1 to `outer`."""

    inner: int
    outer: int
    dilation: int = 1


_HALF = (_Block(8, 16), _Block(8, 24), _Block(8, 24), _Block(8, 32), _Block(8, 32))
_QUARTER = tuple(_Block(16, 48, dilation) for dilation in (1, 1, 1, 2, 3, 1, 2, 3, 1))
_EIGHTH = (
    *(_Block(32, 64) for _ in range(4)),
    *(_Block(40, 80, dilation) for dilation in (2, 3, 4, 1, 1, 2, 3, 4, 1, 1, 2)),
    *(_Block(32, 64, dilation) for dilation in (4, 6, 8)),
    *(_Block(32, 56, dilation) for dilation in (1, 1, 2)),
    *(_Block(24, 48, dilation) for dilation in (4, 6, 8, 1)),
)


@keras.saving.register_keras_serializable(package="rimlight")
class AlignedUpsampling(layers.Layer):  # type: ignore[misc]
    """Enlarges (batch, h, w, channels) `factor` times, bilinearly, with aligned corners.

    Keras's own UpSampling2D aligns pixel areas instead, which shifts what it enlarges.
    """

    def __init__(self, factor: int, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.factor = factor

    def call(self, x: Any) -> Any:
        size = [x.shape[1] * self.factor, x.shape[2] * self.factor]
        larger = tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=True)
        return tf.cast(larger, x.dtype)  # the operation answers float32 to float16

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = shape
        return batch, height and height * self.factor, width and width * self.factor, channels

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype_policy.name, "factor": self.factor}


def build_road_adas(size: tuple[int, int], *, classes: int = len(CLASSES)) -> keras.Model:
    """Build the network with random weights.

    Args:
        size: (width, height) of the picture, multiples of 32.
        classes: channels of the result.

    Returns:
        A model from BGR float32 (batch, height, width, 3) in 0..255, not normalized, to the
        probabilities float32 (batch, height, width, classes). Its layers have the names of the
        published graph, so that weights and results can be matched by name.

    Raises:
        ValueError: `size` is not made of positive multiples of 32.
    """
    width, height = size
    if width <= 0 or height <= 0 or width % GRID_PX or height % GRID_PX:
        raise ValueError(f"size must be (width, height) in multiples of {GRID_PX}, got {size}")
    make = NumberedLayers()
    picture = keras.Input((height, width, 3), name="data")
    half, quarter, eighth = encode(make, picture)
    scores = decode(make, half, quarter, in_context(make, eighth), classes=classes)
    return keras.Model(picture, make.softmax(make.upsample(scores, 2)), name="road_adas")


def encode(make: NumberedLayers, picture: Any) -> tuple[Any, Any, Any]:
    """Return the maps at a half, a quarter and an eighth of the picture's sides."""
    half = make.relu(make.stem(picture, 16))
    for block in _HALF:
        half = _add_bottleneck(make, half, block)
    quarter = half
    for index, block in enumerate(_QUARTER):
        quarter = _add_bottleneck(make, quarter, block, halve=index == 0)
    eighth = quarter
    for index, block in enumerate(_EIGHTH):
        eighth = _add_bottleneck(make, eighth, block, halve=index == 0)
    return half, quarter, eighth


def _add_bottleneck(make: NumberedLayers, x: Any, block: _Block, *, halve: bool = False) -> Any:
    inner = make.relu(make.convolution(x, block.inner, step=2 if halve else 1))
    inner = make.relu(make.depthwise(inner, block.dilation))
    inner = make.convolution(inner, block.outer)
    if halve:
        x = make.max_pool(x)
    if x.shape[-1] != block.outer:
        x = make.convolution(x, block.outer)
    return make.relu(make.add(inner, x))


def in_context(make: NumberedLayers, x: Any) -> Any:
    """Add what 2x2 and 4x4 neighborhoods hold to every position."""
    total = x
    for factor in (2, 4):
        branch = make.relu(make.convolution(make.average_pool(x, factor), 16))
        branch = make.convolution(make.upsample(branch, factor), x.shape[-1], normalized=False)
        total = make.add(total, make.relu(branch))
    return total


def decode(make: NumberedLayers, half: Any, quarter: Any, x: Any, *, classes: int) -> Any:
    """Return the scores of the classes at a half of the picture's sides."""
    for finer, channels in ((quarter, 24), (half, 16)):
        x = make.upsample(make.relu(make.convolution(x, channels)), 2)
        x = make.add(x, make.relu(make.convolution(finer, channels)))
    x = make.relu(make.convolution(x, 16))
    x = make.relu(make.depthwise(x, 1))
    return make.convolution(x, classes, normalized=False)


class NumberedLayers:
    """Makes and applies layers, numbered as they are made, as in the published graph."""

    def __init__(self) -> None:
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"L{self._count - 1:04}_{kind}"

    def stem(self, x: Any, filters: int) -> Any:
        # "same" would pad a stride of 2 at the right and bottom only; the original pads all sides.
        name = self._name("Conv2d_BN")
        padded = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        return layers.Conv2D(filters, 3, strides=2, name=name)(padded)

    def convolution(self, x: Any, filters: int, *, step: int = 1, normalized: bool = True) -> Any:
        """Convolve pixel by pixel, or disjoint `step` x `step` squares into one."""
        name = self._name("Conv2d_BN" if normalized else "Conv2d")
        return layers.Conv2D(filters, step, strides=step, name=name)(x)

    def depthwise(self, x: Any, dilation: int) -> Any:
        name = self._name("Conv2d_BN")
        return layers.DepthwiseConv2D(3, padding="same", dilation_rate=dilation, name=name)(x)

    def relu(self, x: Any) -> Any:
        return layers.ReLU(name=self._name("ReLU"))(x)

    def add(self, x: Any, y: Any) -> Any:
        return layers.Add(name=self._name("AddBackward1"))([x, y])

    def max_pool(self, x: Any) -> Any:
        return layers.MaxPooling2D(2, name=self._name("MaxPool2d"))(x)

    def average_pool(self, x: Any, factor: int) -> Any:
        return layers.AveragePooling2D(factor, name=self._name("AvgPool2d"))(x)

    def upsample(self, x: Any, factor: int) -> Any:
        return AlignedUpsampling(factor, name=self._name("Upsample"))(x)

    def softmax(self, x: Any) -> Any:
        return layers.Softmax(name=self._name("ReWeight_SoftMax"), dtype="float32")(x)


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


def find_difference(found: Mapping[str, Step], expected: Mapping[str, Step]) -> str | None:
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


def list_model_steps(model: Any) -> dict[str, Step]:
    """Return what `model` computes, by layer name; padding counts to the layer that it feeds."""
    makers = {id(layer.output): layer for layer in model.layers}
    return {
        layer.name: _make_step(layer, makers)
        for layer in model.layers
        if not isinstance(layer, layers.ZeroPadding2D)
    }


def _make_step(layer: Any, makers: Mapping[int, Any]) -> Step:
    given = [] if isinstance(layer, layers.InputLayer) else _list(layer.input)
    feeding, padding = [makers[id(tensor)] for tensor in given], (0, 0)
    if feeding and isinstance(feeding[0], layers.ZeroPadding2D):
        padding = tuple(before for before, _ in feeding[0].padding)
        feeding = [makers[id(feeding[0].input)]]
    _, height, width, channels = layer.output.shape
    return Step(
        _KINDS[type(layer)],
        tuple(sorted(source.name for source in feeding)),
        (channels, height, width),
        *_read_geometry(layer, padding),
    )


def _list(tensors: Any) -> list[Any]:
    return tensors if isinstance(tensors, list) else [tensors]


def _read_geometry(layer: Any, padding: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return window, stride, dilation and pad."""
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        return layer.pool_size, layer.strides
    if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        return ()
    window, dilation = layer.kernel_size, layer.dilation_rate
    if layer.padding == "same":  # centered, for the odd windows and strides of 1 used with it
        padding = tuple(d * (w // 2) for d, w in zip(dilation, window, strict=True))
    return window, layer.strides, dilation, padding
