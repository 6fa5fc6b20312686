"""The pieces that the networks share: convolutions with batch normalization, and resizing.

All are Keras's own layers, so that a saved network opens wherever Keras does.
"""

from __future__ import annotations

from typing import Any

from keras import layers

MOMENTUM = 0.97
"""Of batch normalization: statistics of the last thirty steps or so; short trainings have few."""


def round_channels(channels: float) -> int:
    """Return the multiple of 8 nearest to `channels`, at least 8: what CPUs compute in one go."""
    return max(8, int(channels + 4) // 8 * 8)


def add_convolution(
    x: Any,
    filters: int,
    window: int = 1,
    *,
    step: int = 1,
    rate: int = 1,
    active: bool = True,
    most: float | None = 6.0,
) -> Any:
    """Convolve, normalize, and cut to 0..`most` if `active`; None: there is no upper end."""
    x = layers.Conv2D(
        filters, window, strides=step, dilation_rate=rate, padding="same", use_bias=False
    )(x)
    return _normalize(x, active=active, most=most)


def add_depthwise(x: Any, *, step: int = 1, rate: int = 1, active: bool = True) -> Any:
    """Convolve each channel by itself, 3x3, normalize, and cut to 0..6 if `active`."""
    x = layers.DepthwiseConv2D(3, strides=step, dilation_rate=rate, padding="same", use_bias=False)(
        x
    )
    return _normalize(x, active=active)


def add_separable(x: Any, filters: int, *, step: int = 1, rate: int = 1) -> Any:
    """Convolve 3x3 per channel, then mix the channels (MobileNet, Howard et al. 2017)."""
    return add_convolution(add_depthwise(x, step=step, rate=rate), filters)


def add_inverted_residual(x: Any, inner: int, outer: int, *, step: int = 1, rate: int = 1) -> Any:
    """Widen to `inner` channels, convolve each, narrow to `outer`; added to `x` where it fits.

    The block of MobileNetV2 (Sandler et al. 2018).
    """
    y = add_depthwise(add_convolution(x, inner), step=step, rate=rate)
    y = add_convolution(y, outer, active=False)
    return layers.Add()([x, y]) if step == 1 and x.shape[-1] == outer else y


def resize_like(x: Any, other: Any) -> Any:
    """Resize `x` bilinearly to the height and width of `other`."""
    return x if x.shape[1:3] == other.shape[1:3] else layers.Resizing(*other.shape[1:3])(x)


def add_probabilities(x: Any, picture: Any, classes: int) -> Any:
    """Score the classes at every position of `x`, and bring the scores to the picture's size.

    Of two classes one score is learnt: the softmax of (-s/2, s/2) is the sigmoid of (-s, s), which
    takes a millisecond less at 256x144. Computed in float32 under mixed precision too: the losses
    take logarithms of small values.
    """
    size, two = picture.shape[1:3], classes == 2
    scores = layers.Conv2D(1 if two else classes, 1, dtype="float32", name="scores")(x)
    if two:
        against = layers.Rescaling(-1.0, dtype="float32")(scores)
        scores = layers.Concatenate(dtype="float32", name="both_scores")([against, scores])
    larger = layers.Resizing(*size, dtype="float32", name="enlarged")(scores)
    last = layers.Activation("sigmoid" if two else "softmax", dtype="float32", name="probabilities")
    return last(larger)


def _normalize(x: Any, *, active: bool, most: float | None = 6.0) -> Any:
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.ReLU(most)(x) if active else x
