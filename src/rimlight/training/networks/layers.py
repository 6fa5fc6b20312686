"""The pieces that the networks share: convolutions with batch normalisation, and resizing.

Import this module before `keras.saving.load_model`: it registers the layers of our own.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

MOMENTUM = 0.97
"""Of batch normalisation: statistics of the last thirty steps or so; short trainings have few."""


@keras.saving.register_keras_serializable(package="rimlight")
class BilinearResize(layers.Layer):  # type: ignore[misc]
    """Resizes (batch, h, w, channels) to a fixed (height, width), pixel areas on pixel areas."""

    def __init__(
        self, height: int, width: int, *, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.height = height
        self.width = width

    def call(self, x: Any) -> Any:
        resized = tf.image.resize(x, (self.height, self.width), method="bilinear")
        return tf.cast(resized, x.dtype)  # the operation answers float32 to float16

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[0], self.height, self.width, shape[3]

    def get_config(self) -> dict[str, Any]:
        config = {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
        return {**config, "height": self.height, "width": self.width}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BilinearResize:
        dtype = keras.saving.deserialize_keras_object(config["dtype"])
        return cls(config["height"], config["width"], name=config["name"], dtype=dtype)


@keras.saving.register_keras_serializable(package="rimlight")
class Opposites(layers.Layer):  # type: ignore[misc]
    """From (batch, h, w, 1) to (batch, h, w, 2): the value with its sign turned, and the value."""

    def call(self, x: Any) -> Any:
        # As a convolution, XNNPACK computes it with the rest of the graph; it has no concatenation
        # of single channels that is as fast.
        return tf.nn.conv2d(x, tf.constant([[[[-1.0, 1.0]]]], x.dtype), strides=1, padding="VALID")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:3], 2)


def rounded(channels: float) -> int:
    """Return the multiple of 8 nearest to `channels`, at least 8: what CPUs compute in one go."""
    return max(8, int(channels + 4) // 8 * 8)


def convolution(
    x: Any, filters: int, window: int = 1, *, step: int = 1, rate: int = 1, active: bool = True
) -> Any:
    """Convolve, normalise, and cut to 0..6 if `active`."""
    x = layers.Conv2D(
        filters, window, strides=step, dilation_rate=rate, padding="same", use_bias=False
    )(x)
    return _normalised(x, active=active)


def depthwise(x: Any, *, step: int = 1, rate: int = 1, active: bool = True) -> Any:
    """Convolve each channel by itself, 3x3, normalise, and cut to 0..6 if `active`."""
    x = layers.DepthwiseConv2D(3, strides=step, dilation_rate=rate, padding="same", use_bias=False)(
        x
    )
    return _normalised(x, active=active)


def separable(x: Any, filters: int, *, step: int = 1, rate: int = 1) -> Any:
    """Convolve 3x3 per channel, then mix the channels (MobileNet, Howard et al. 2017)."""
    return convolution(depthwise(x, step=step, rate=rate), filters)


def inverted_residual(x: Any, inner: int, outer: int, *, step: int = 1, rate: int = 1) -> Any:
    """Widen to `inner` channels, convolve each, narrow to `outer`; added to `x` where it fits.

    The block of MobileNetV2 (Sandler et al. 2018).
    """
    y = depthwise(convolution(x, inner), step=step, rate=rate)
    y = convolution(y, outer, active=False)
    return layers.Add()([x, y]) if step == 1 and x.shape[-1] == outer else y


def resized_as(x: Any, other: Any) -> Any:
    """Resize `x` to the height and width of `other`."""
    return x if x.shape[1:3] == other.shape[1:3] else BilinearResize(*other.shape[1:3])(x)


def probabilities(x: Any, picture: Any, classes: int) -> Any:
    """Score the classes at every position of `x`, and bring the scores to the picture's size.

    Of two classes one score is learnt: the softmax of (-s/2, s/2) is the sigmoid of (-s, s), which
    takes a millisecond less at 256x144. Computed in float32 under mixed precision too: the losses
    take logarithms of small values.
    """
    size, two = picture.shape[1:3], classes == 2
    scores = layers.Conv2D(1 if two else classes, 1, dtype="float32", name="scores")(x)
    if two:
        scores = Opposites(dtype="float32", name="both_scores")(scores)
    larger = BilinearResize(*size, dtype="float32", name="enlarged")(scores)
    last = layers.Activation("sigmoid" if two else "softmax", dtype="float32", name="probabilities")
    return last(larger)


def _normalised(x: Any, *, active: bool) -> Any:
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.ReLU(6.0)(x) if active else x
