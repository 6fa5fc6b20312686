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
        from rimlight.lab.training.networks.lightweight import build_light

        return build_light(options.size, classes=options.classes, width=options.width_multiplier)
    if options.name == "fast-scnn":
        from rimlight.lab.training.networks.lightweight import build_fast_scnn

        return build_fast_scnn(
            options.size, classes=options.classes, width=options.width_multiplier
        )
    if options.name == "road":
        from rimlight.lab.training.networks.road import build_road

        return build_road(
            options.size,
            classes=options.classes,
            downscale=options.downscale,
            weights=options.backbone_weights,
        )
    return _build_deeplab(options)


def _build_deeplab(options: NetworkOptions) -> Any:
    start = options.backbone_weights
    if start and start.suffix.lower() == ".tflite" and options.name == "deeplab-mobilenetv2":
        from rimlight.lab.training.networks.from_tflite import build_deeplab_from_tflite

        return build_deeplab_from_tflite(
            start,
            options.size,
            classes=options.classes,
            stride=options.stride,
            rates=options.dilation_rates,
            decoder=options.decoder,
        )
    from rimlight.lab.training.networks.deeplab import build_backbone, build_deeplab

    made = build_backbone(
        options.name.removeprefix("deeplab-"),
        options.size,
        width=options.width_multiplier,
        stride=options.stride,
        weights=start,
    )
    return build_deeplab(
        made,
        classes=options.classes,
        rates=options.dilation_rates,
        width=options.width_multiplier,
        decoder=options.decoder,
    )
