"""Network architectures in Keras 3, built from plain options."""

from __future__ import annotations

from typing import Any

from rimlight.lab.training.networks.options import NetworkOptions


def build_network(options: NetworkOptions) -> Any:
    """Build a network with random weights, but for a backbone that is given.

    Returns:
        A `keras.Model` from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities
        float32 (batch, height, width, classes), which add up to 1 at every pixel. It is one flat
        graph of Keras's own layers, which opens wherever Keras does and converts to TensorFlow
        Lite.

    Raises:
        ModelNotFoundError: there is no file of backbone weights.
        ModelFormatError: that file holds other weights.
    """
    if options.name == "light":
        from rimlight.lab.training.networks.lightweight import light

        return light(options.size, classes=options.classes, width=options.width)
    if options.name == "fast-scnn":
        from rimlight.lab.training.networks.lightweight import fast_scnn

        return fast_scnn(options.size, classes=options.classes, width=options.width)
    if options.name == "road":
        from rimlight.lab.training.networks.road import road

        return road(
            options.size,
            classes=options.classes,
            shrink=options.shrink,
            weights=options.backbone_weights,
        )
    return _deeplab(options)


def _deeplab(options: NetworkOptions) -> Any:
    start = options.backbone_weights
    if start and start.suffix.lower() == ".tflite" and options.name == "deeplab-mobilenetv2":
        from rimlight.lab.training.networks.from_tflite import deeplab_from_tflite

        return deeplab_from_tflite(
            start,
            options.size,
            classes=options.classes,
            stride=options.stride,
            rates=options.rates,
            decoder=options.decoder,
        )
    from rimlight.lab.training.networks.deeplab import backbone, deeplab

    made = backbone(
        options.name.removeprefix("deeplab-"),
        options.size,
        width=options.width,
        stride=options.stride,
        weights=start,
    )
    return deeplab(
        made,
        classes=options.classes,
        rates=options.rates,
        width=options.width,
        decoder=options.decoder,
    )
