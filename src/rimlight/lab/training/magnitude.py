"""Zeros instead of the smallest weights, and gradually more of them while training goes on.

"To prune, or not to prune" (Zhu and Gupta 2017): every kernel loses the same share of its weights,
by magnitude, and that share rises along a cubic curve, fast at first, when most is redundant.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray


def polynomial(progress: float, target: float) -> float:
    """Return the share of zeros at `progress` (0..1, more counts as 1) on the way to `target`."""
    return target * (1 - (1 - min(max(progress, 0.0), 1.0)) ** 3)


def kernels(model: Any) -> list[Any]:
    """Return the variables that are pruned: the trained kernels of convolutions that mix channels.

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


def zero_share(model: Any) -> float:
    """Return the share of zeros, in 0..1, among the weights that are pruned."""
    arrays = [np.asarray(kernel) for kernel in kernels(model)]
    zeros = sum(int(array.size - np.count_nonzero(array)) for array in arrays)
    return zeros / max(1, sum(array.size for array in arrays))


class Masks:
    """Holds the smallest weights of a model at zero, through every step of an optimizer.

    Keras applies a variable's constraint after each step; here, that multiplies with the mask.
    """

    def __init__(self, model: Any) -> None:
        self._kernels = kernels(model)
        self._masks = [tf.Variable(tf.ones(k.shape), trainable=False) for k in self._kernels]
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.constraint = _Kept(mask)

    def prune(self, sparsity: float) -> None:
        """Set that share of every kernel to zero; what is zero already counts first."""
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            values = np.asarray(kernel)
            kept = _largest(values, sparsity)
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


def _largest(values: NDArray[np.float32], sparsity: float) -> NDArray[np.float32]:
    """Return 0 for the share `sparsity` with the smallest magnitudes, 1 for the rest."""
    kept = np.ones(values.size, np.float32)
    zeros = round(sparsity * values.size)
    if zeros:
        kept[np.argpartition(np.abs(values).ravel(), zeros - 1)[:zeros]] = 0
    return kept.reshape(values.shape)
