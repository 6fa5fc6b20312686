"""Foreign networks in OpenVINO's format: which files are published, and what they compute.

`list_steps` and `collect_weights` reduce a graph to what a rebuilt network must have: biases
folded into their convolutions, constants and shape arithmetic left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError
from rimlight.lab.importers.openvino_ir import IrGraph, Layer
from rimlight.models.catalog import compute_sha256


@dataclass(frozen=True, slots=True)
class IrFiles:
    """One published pair of IR files, by the SHA-256 of each in hexadecimal."""

    precision: str
    xml_sha256: str
    bin_sha256: str


ROAD_FP32 = IrFiles(
    "FP32",
    "700f0691a10ef665e7af0c19823f521a58022cd03d55080fb884049709f4ee4a",
    "3c1847f6f62ed91b8ca2d94b4242b833bfcfb9be6dfdb007e83d13084fb15e0b",
)
ROAD_FP16 = IrFiles(
    "FP16",
    "51d457ec677cb921c1003f6447671fdfba5acec5df6ecc0a236b613062ea852f",
    "2a1d09b6aab18e145f14d92f5f425af92ad5338a04b0670205759d8c5b075111",
)


def identify_road(xml: Path, bin: Path) -> IrFiles:
    """Return which published road-segmentation-adas-0001 the two files are, by their SHA-256.

    Raises:
        ModelNotFoundError: one of the files cannot be read.
        ModelFormatError: the pair is none of the published ones.
    """
    sums = compute_sha256(xml), compute_sha256(bin)
    for known in (ROAD_FP32, ROAD_FP16):
        if sums == (known.xml_sha256, known.bin_sha256):
            return known
    raise ModelFormatError(
        f"{xml} and {bin} are not a published road-segmentation-adas-0001: their sha256 are "
        f"{sums[0][:12]}... and {sums[1][:12]}..., those of FP32 are "
        f"{ROAD_FP32.xml_sha256[:12]}... and {ROAD_FP32.bin_sha256[:12]}...",
        hint="fetch both files anew: rimlight models pull road",
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What one layer computes.

    `kind` is the IR's type; `inputs` are sorted names of steps; `shape` is (channels, height,
    width) of the result; `window`, `stride`, `dilation` and `pad` are (y, x), zeros where the kind
    has none.
    """

    kind: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    window: tuple[int, ...] = (0, 0)
    stride: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (0, 0)
    pad: tuple[int, ...] = (0, 0)


_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_POOLS = ("MaxPool", "AvgPool")
_ALIGNED = ("linear_onnx", "align_corners")
# The arithmetic that computes the size an Interpolate resizes to, and the graph's end.
_NO_STEP = ("Const", "Result", "ShapeOf", "StridedSlice", "Multiply")


def list_steps(ir: IrGraph) -> dict[str, Step]:
    """Return what `ir` computes, by layer name, in order.

    A convolution has the name of the layer that adds its bias, without suffixes.

    Raises:
        ModelFormatError: a picture is resized in another way than bilinearly with aligned corners.
    """
    names = _name_steps(ir)
    return {names[layer.name]: _make_step(ir, layer, names) for layer in _list_computing(ir)}


def collect_weights(ir: IrGraph) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return kernel and bias of every convolution, by the name that `list_steps` gives it.

    Kernels are float32 (out, in, y, x), those of depthwise convolutions (channels, 1, 1, y, x);
    biases are float32 (out,).

    Raises:
        ModelFormatError: the graph and the weights do not fit together, or a bias is missing.
    """
    found = {}
    for layer in ir.layers.values():
        if layer.type in _CONVOLUTIONS:
            kernel = ir.constant(layer.inputs[1]).astype(np.float32)
            found[_normalize(layer.name)] = kernel, _find_bias(ir, layer)
    return found


def _find_bias(ir: IrGraph, convolution: Layer) -> NDArray[np.float32]:
    for layer in ir.layers.values():
        if _is_bias(ir, layer) and layer.inputs[0] == convolution.name:
            return ir.constant(layer.inputs[1]).astype(np.float32).reshape(-1)
    raise ModelFormatError(f"{ir.name}: convolution {convolution.name!r} has no bias")


def _is_bias(ir: IrGraph, layer: Layer) -> bool:
    if layer.type != "Add" or len(layer.inputs) != 2:
        return False
    first, second = (ir.layers[name].type for name in layer.inputs)
    return first in _CONVOLUTIONS and second == "Const"


def _normalize(name: str) -> str:
    return name.split("/", maxsplit=1)[0]  # "L0000_Conv2d_BN/WithoutBiases"


def _name_steps(ir: IrGraph) -> dict[str, str]:
    """Map layer names to step names; the layer that adds a bias stands for its convolution."""
    plain = {n: _normalize(n) if x.type in _CONVOLUTIONS else n for n, x in ir.layers.items()}
    biased = {n: _normalize(x.inputs[0]) for n, x in ir.layers.items() if _is_bias(ir, x)}
    return plain | biased


def _list_computing(ir: IrGraph) -> Iterator[Layer]:
    for layer in ir.layers.values():
        is_size = layer.type == "Add" and len(layer.shape) != 4
        if layer.type not in _NO_STEP and not is_size and not _is_bias(ir, layer):
            yield layer


def _make_step(ir: IrGraph, layer: Layer, names: dict[str, str]) -> Step:
    inputs = layer.inputs
    if layer.type == "Interpolate":
        _check_interpolation(layer)
        inputs = inputs[:1]
    feeding = tuple(sorted(names[i] for i in inputs if ir.layers[i].type != "Const"))
    shape = layer.shape[1:]
    if layer.type in _CONVOLUTIONS:
        window, strides = ir.layers[layer.inputs[1]].shape[-2:], layer.ints("strides")
        dilation, pad = layer.ints("dilations"), layer.ints("pads_begin")
        return Step(layer.type, feeding, shape, window, strides, dilation, pad)
    if layer.type in _POOLS:
        return Step(layer.type, feeding, shape, layer.ints("kernel"), layer.ints("strides"))
    return Step(layer.type, feeding, shape)


def _check_interpolation(layer: Layer) -> None:
    """Refuse all but bilinear with aligned corners, as operator sets 1 and 4 spell it."""
    said = layer.attributes
    first = said.get("mode"), said.get("align_corners")
    fourth = said.get("mode"), said.get("coordinate_transformation_mode")
    if first not in (("linear", "1"), ("linear", "true")) and fourth != _ALIGNED:
        raise ModelFormatError(
            f"layer {layer.name!r} resizes with {dict(said)}, not linearly with aligned corners"
        )
