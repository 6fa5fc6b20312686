"""Two methods of pruning: zeros in place of the smallest weights, and fewer filters.

Zeros: "To prune, or not to prune" (Zhu and Gupta 2017). Every kernel loses the same share of its
weights, by magnitude, and that share rises along a cubic curve, fast at first, when most is
redundant.

Filters: inner channels of inverted residuals (1x1 to many channels, a depthwise convolution, 1x1
back to few) go with all that belongs to them, so that nothing outside of the block changes. Which
ones: by the size of what a channel can add to the block's result, the scale of its last
normalization times the sum of magnitudes in the projection (after "Pruning Filters for Efficient
ConvNets", Li et al. 2017, and "Network Slimming", Liu et al. 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from rimlight.core.errors import ModelError
from rimlight.lab.training.networks.layers import round_channels


def compute_polynomial_sparsity(progress: float, target: float) -> float:
    """Return the share of zeros at `progress` (0..1, more counts as 1) on the way to `target`."""
    return target * (1 - (1 - min(max(progress, 0.0), 1.0)) ** 3)


def list_kernels(model: Any) -> list[Any]:
    """Return the variables to prune: trained kernels of convolutions that mix channels.

    Depthwise kernels stay: they are a few per cent of the weights, and each is all that its
    channel has. So do the last scores, biases and batch normalization.
    """
    return [
        layer.kernel
        for layer in model.layers
        if isinstance(layer, layers.Conv2D) and layer.trainable and layer.name != "scores"
    ] + [
        layer.pointwise_kernel
        for layer in model.layers
        if isinstance(layer, layers.SeparableConv2D) and layer.trainable
    ]


def measure_zero_share(model: Any) -> float:
    """Return the share of zeros, in 0..1, among the weights that are pruned."""
    arrays = [np.asarray(kernel) for kernel in list_kernels(model)]
    zeros = sum(int(array.size - np.count_nonzero(array)) for array in arrays)
    return zeros / max(1, sum(array.size for array in arrays))


class Masks:
    """Holds the smallest weights of a model at zero, through every step of an optimizer.

    Keras applies a variable's constraint after each step; here, that multiplies with the mask.
    """

    def __init__(self, model: Any) -> None:
        self._kernels = list_kernels(model)
        self._masks = [tf.Variable(tf.ones(k.shape), trainable=False) for k in self._kernels]
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.constraint = _Kept(mask)

    def prune(self, sparsity: float) -> None:
        """Set that share of every kernel to zero; what is zero already counts first."""
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            values = np.asarray(kernel)
            kept = _select_largest(values, sparsity)
            mask.assign(kept)
            kernel.assign(values * kept)

    def release(self) -> None:
        """Let the zeros move again."""
        for kernel in self._kernels:
            kernel.constraint = None


class _Kept(keras.constraints.Constraint):  # type: ignore[misc]
    def __init__(self, mask: Any) -> None:
        self._mask = mask

    def __call__(self, weights: Any) -> Any:
        return weights * tf.cast(self._mask, weights.dtype)


def _select_largest(values: NDArray[np.float32], sparsity: float) -> NDArray[np.float32]:
    """Return 0 for the share `sparsity` with the smallest magnitudes, 1 for the rest."""
    kept = np.ones(values.size, np.float32)
    zeros = round(sparsity * values.size)
    if zeros:
        kept[np.argpartition(np.abs(values).ravel(), zeros - 1)[:zeros]] = 0
    return kept.reshape(values.shape)


_CHANNELWISE = (layers.BatchNormalization, layers.ReLU, layers.Activation, layers.ZeroPadding2D)

Kept = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual.

    Attributes:
        widen: the 1x1 convolution to its inner channels.
        inner: what works channel by channel between the two, in order.
        narrow: the 1x1 convolution back.
    """

    widen: Any
    inner: tuple[Any, ...]
    narrow: Any


def remove_filters(model: Any, share: float) -> keras.Model:
    """Return a model without `share` (0..1) of the inner channels of each block.

    The numbers of channels that remain are multiples of 8; weights are those of `model`.

    Raises:
        ModelError: the model has no inverted residuals.
    """
    found = find_blocks(model)
    if not found:
        raise ModelError(
            f"{model.name} has no inverted residuals to take filters from",
            hint="prune its weights instead: what=weights",
        )
    kept = {block.widen.name: _select_most_important(block, share) for block in found}
    smaller = keras.models.clone_model(model, clone_function=lambda x: _resize(x, kept))
    inputs, outputs = _find_sides(found, kept)
    for layer in model.layers:
        if weights := layer.get_weights():
            chosen = inputs.get(layer.name), outputs.get(layer.name)
            smaller.get_layer(layer.name).set_weights(_select(layer, weights, *chosen))
    return smaller


def find_blocks(model: Any) -> list[Block]:
    """Find the inverted residuals of a model whose inner channels nothing else uses."""
    after = _find_consumers(model)
    widening = (layer for layer in model.layers if _is_pointwise(layer))
    return [block for layer in widening if (block := _make_block(layer, after))]


def _find_consumers(model: Any) -> Mapping[int, list[Any]]:
    """Return the layers that a tensor goes to, by the tensor's id."""
    after: dict[int, list[Any]] = {}
    for layer in model.operations:
        for tensor in keras.tree.flatten(layer.input):
            after.setdefault(id(tensor), []).append(layer)
    return after


def _make_block(widen: Any, after: Mapping[int, list[Any]]) -> Block | None:
    inner: list[Any] = []
    layer = widen
    while True:
        following = after.get(id(layer.output), [])
        if len(following) != 1:
            return None
        layer = following[0]
        if _is_pointwise(layer):
            filtered = any(isinstance(x, layers.DepthwiseConv2D) for x in inner)
            return Block(widen, tuple(inner), layer) if filtered else None
        if not isinstance(layer, (*_CHANNELWISE, layers.DepthwiseConv2D)):
            return None
        inner.append(layer)


def _is_pointwise(layer: Any) -> bool:
    return isinstance(layer, layers.Conv2D) and layer.kernel_size == (1, 1) and layer.groups == 1


def _select_most_important(block: Block, share: float) -> Kept:
    sizes = np.abs(np.asarray(block.narrow.kernel)).sum(axis=(0, 1, 3))
    scales = [x.gamma for x in block.inner if isinstance(x, layers.BatchNormalization) and x.scale]
    if scales:
        sizes = sizes * np.abs(np.asarray(scales[-1]))
    count = min(len(sizes), round_channels(len(sizes) * (1 - share)))
    return np.sort(np.argsort(-sizes, kind="stable")[:count])


def _resize(layer: Any, kept: Mapping[str, Kept]) -> Any:
    if not isinstance(layer, layers.Layer):
        return layer
    config = layer.get_config()
    if layer.name in kept:
        config["filters"] = len(kept[layer.name])
    return type(layer).from_config(config)


def _find_sides(
    found: list[Block], kept: Mapping[str, Kept]
) -> tuple[dict[str, Kept], dict[str, Kept]]:
    """Return which inputs, and which outputs, remain of the layers that lose some, by name."""
    inputs = {block.narrow.name: kept[block.widen.name] for block in found}
    outputs = {
        layer.name: kept[block.widen.name]
        for block in found
        for layer in (block.widen, *block.inner)
    }
    return inputs, outputs


def _select(layer: Any, weights: list[Any], inputs: Kept | None, outputs: Kept | None) -> list[Any]:
    """Cut a layer's weights: of kernels (y, x, in, out) the sides that are named."""
    if isinstance(layer, layers.DepthwiseConv2D):
        inputs, kernel_outputs = outputs, None  # its kernel is (y, x, channels, 1)
    else:
        kernel_outputs = outputs
    return [
        _cut(_cut(array, inputs, 2), kernel_outputs, 3)
        if array.ndim == 4
        else _cut(array, outputs, 0)
        for array in weights
    ]


def _cut(array: NDArray[np.float32], kept: Kept | None, axis: int) -> NDArray[np.float32]:
    return array if kept is None else np.take(array, kept, axis=axis)
