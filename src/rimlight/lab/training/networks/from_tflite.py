"""DeepLab on MobileNetV2 with the weights of a published TensorFlow Lite file.

`deeplabv3_257_mv_gpu.tflite` holds DeepLabV3 (Chen et al. 2017) on a MobileNetV2 (Sandler et al.
2018) of half the width, trained on PASCAL VOC, its batch normalization folded into kernels and
biases. Here it gets normalization again, one that changes nothing yet, so that it can be trained:
what it removes from the maps of a few frames, it adds back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import layers
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.lab.training.data.unlabeled import extract_frames
from rimlight.lab.training.networks.deeplab import build_deeplab
from rimlight.lab.training.networks.layers import (
    add_convolution,
    add_depthwise,
    add_inverted_residual,
)
from rimlight.system import app_paths

_BLOCKS = 17
_HEAD = 3  # of the whole picture, of a pixel, of both
_STEPS = {1: 2, 3: 2, 6: 2, 13: 2}
_FINE = 2  # the block whose result lies at a quarter of the picture


@dataclass(frozen=True, slots=True)
class Weights:
    """One convolution: `kernel` float32 as Keras keeps it, and `bias` float32 (channels,)."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stored:
    """The convolutions of the file in order: those that mix channels, and those that do not."""

    mixing: tuple[Weights, ...]
    depthwise: tuple[Weights, ...]


def build_deeplab_from_tflite(
    file: Path,
    size: tuple[int, int],
    *,
    classes: int,
    stride: int = 16,
    rates: Sequence[int] = (),
    decoder: bool = False,
) -> keras.Model:
    """Build DeepLab on the MobileNetV2 of a file, and take over what fits of its weights.

    Args:
        file: deeplabv3_257_mv_gpu.tflite, or one of the same structure.
        size: (width, height) of the picture; 257x257 is what the weights were trained on.
        classes: channels of the result; 21 takes over the last scores too.
        stride: 8, 16 or 32, of the coarse map; the weights were trained at 8.
        rates: as `build_deeplab` takes them; with any, or a decoder, the head starts at random.
        decoder: as `build_deeplab` takes it.

    Returns:
        A model from RGB float32 (batch, height, width, 3) in 0..1 to the probabilities float32
        (batch, height, width, classes).

    Raises:
        ModelNotFoundError: there is no `file`.
        ModelFormatError: it holds another network.
    """
    stored = read_convolutions(file)
    backbone = _build_backbone(stored, size, stride)
    norms = fill(backbone, stored)
    model = build_deeplab(backbone, classes=classes, rates=rates, decoder=decoder)
    if not rates and not decoder:
        norms = fill(model, stored)
    settle(model, norms)
    return model


def read_convolutions(file: Path) -> Stored:
    """Return all convolutions of a file.

    Raises:
        ModelNotFoundError: there is no `file`.
        ModelFormatError: it is no TensorFlow Lite file, or another network.
    """
    if not file.is_file():
        raise ModelNotFoundError(f"there is no file {file}", hint="check the path")
    try:
        # Without delegates: these repack the weights, and release them.
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(file), experimental_op_resolver_type=plain)
        interpreter.allocate_tensors()
        stored = _read(interpreter)
    except (ValueError, RuntimeError) as exc:
        raise ModelFormatError(f"{file} cannot be read: {' '.join(str(exc).split())}") from exc
    found = (len(stored.mixing), len(stored.depthwise))
    if found != (2 * _BLOCKS + _HEAD + 1, _BLOCKS):
        raise ModelFormatError(
            f"{file} is not DeepLab on MobileNetV2: it has {found[0]} convolutions and "
            f"{found[1]} depthwise ones, must be {2 * _BLOCKS + _HEAD + 1} and {_BLOCKS}",
            hint="deeplabv3_257_mv_gpu.tflite is what this reads",
        )
    return stored


def fill(model: keras.Model, stored: Stored) -> list[Any]:
    """Give a model's convolutions the stored weights, in the order in which they were made.

    Convolutions of another shape than the stored ones keep what they have.

    Returns:
        The batch normalizations behind them, which now add the stored biases and do no more.
    """
    channelwise = _fill(model, layers.DepthwiseConv2D, stored.depthwise)
    return channelwise + _fill(model, layers.Conv2D, stored.mixing)


def _read(interpreter: Any) -> Stored:
    mixing: list[Weights] = []
    channelwise: list[Weights] = []
    for op in interpreter._get_ops_details():
        if op["op_name"] in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            kernel, bias = (interpreter.get_tensor(index) for index in op["inputs"][1:3])
            # (out, y, x, in) and (1, y, x, channels) become (y, x, in, out), (y, x, channels, 1).
            array = np.array(kernel.transpose(1, 2, 3, 0), np.float32)
            into = mixing if op["op_name"] == "CONV_2D" else channelwise
            into.append(Weights(array, np.array(bias, np.float32)))
    return Stored(tuple(mixing), tuple(channelwise))


def _build_backbone(stored: Stored, size: tuple[int, int], stride: int) -> keras.Model:
    """Build MobileNetV2 with the file's channels; steps beyond `stride` become dilation."""
    outputs = [weights.bias.size for weights in stored.mixing]
    picture = keras.Input((size[1], size[0], 3), name="picture")
    x = layers.Rescaling(2.0, -1.0, name="centered")(picture)
    x = add_convolution(x, outputs[0], 3, step=2)
    x = add_convolution(add_depthwise(x), outputs[1], active=False)
    fine, reached = x, 2
    for number in range(1, _BLOCKS):
        inner, outer = outputs[2 * number], outputs[2 * number + 1]
        step = _STEPS.get(number, 1)
        here = step if reached < stride else 1
        x = add_inverted_residual(x, inner, outer, step=here, rate=max(1, reached // stride))
        reached *= step
        fine = x if number == _FINE else fine
    return keras.Model(picture, [fine, x], name="mobilenetv2_voc")


def _fill(model: keras.Model, kind: type[Any], weights: Sequence[Weights]) -> list[Any]:
    found = sorted((x for x in model.layers if isinstance(x, kind)), key=_make_weights)
    norms = {id(x.input): x for x in model.layers if isinstance(x, layers.BatchNormalization)}
    filled = []
    for layer, one in zip(found, weights, strict=False):
        if tuple(layer.kernel.shape) != one.kernel.shape:
            continue
        if layer.use_bias:
            layer.set_weights([one.kernel, one.bias])
            continue
        layer.set_weights([one.kernel])
        norm = norms[id(layer.output)]
        ones, zeros = np.ones_like(one.bias), np.zeros_like(one.bias)
        norm.set_weights([ones, one.bias, zeros, ones - norm.epsilon])
        filled.append(norm)
    return filled


def _make_weights(layer: Any) -> float:
    """Order layers as they were made: Keras numbers them; the scores are last."""
    number = re.search(r"_(\d+)$", layer.name)
    return float("inf") if layer.name == "scores" else float(number[1]) if number else 0.0


_FRAMES = 8  # of either clip


def settle(model: keras.Model, norms: Sequence[Any]) -> None:
    """Let normalizations take out what they see, and put the same back; nothing else changes.

    In training they divide by the deviation of their batch. One that stands for no step at all, as
    after folding, would thereby rescale every channel, and what the weights know would be lost.

    Args:
        model: a network from RGB float32 (batch, height, width, 3) in 0..1, of a fixed size.
        norms: layers of it whose mean, variance, factor and offset are replaced.

    Raises:
        SourceError: the shipped clips, on whose frames it is measured, cannot be read.
    """
    seen = keras.Model(model.input, [norm.input for norm in norms])
    size = (model.input_shape[2], model.input_shape[1])
    moments = [_compute_moments(seen(picture, training=False)) for picture in _draw_images(size)]
    for norm, of_pictures in zip(norms, zip(*moments, strict=True), strict=True):
        mean, square = np.mean(of_pictures, axis=0)
        _replace(norm, mean, np.maximum(square - mean**2, 0))


def _compute_moments(maps: Sequence[Any]) -> list[NDArray[np.float64]]:
    """Return of each map (1, h, w, channels) the means of values and squares, (2, channels)."""
    arrays = (np.asarray(one, np.float64) for one in maps)
    return [np.stack([x.mean((0, 1, 2)), (x**2).mean((0, 1, 2))]) for x in arrays]


def _replace(norm: Any, mean: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
    factor, offset, old_mean, old_variance = (np.asarray(x, np.float64) for x in norm.get_weights())
    slope = factor / np.sqrt(old_variance + norm.epsilon)
    new_factor = slope * np.sqrt(variance + norm.epsilon)
    norm.set_weights([new_factor, offset + slope * (mean - old_mean), mean, variance])


def _draw_images(size: tuple[int, int]) -> Iterable[NDArray[np.float32]]:
    folder = app_paths.find_data_folder("samples")
    for frame in extract_frames((folder / "portrait.mp4", folder / "road.mp4"), limit=_FRAMES):
        rgb = cv2.cvtColor(cv2.resize(frame.bgr, size), cv2.COLOR_BGR2RGB)
        yield np.asarray(rgb, np.float32)[None] / np.float32(255)
