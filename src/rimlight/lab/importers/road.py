"""From OpenVINO's road-segmentation-adas-0001 to models that rimlight runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from rimlight.core.errors import MissingDependencyError, ModelError, ModelFormatError
from rimlight.core.model_card import ModelCard, ModelFile
from rimlight.core.options import Options, Size
from rimlight.core.tensor_specs import InputSpec, OutputSpec
from rimlight.lab.importers.openvino import collect_weights, identify_road, list_steps
from rimlight.lab.importers.openvino_ir import IrGraph, read_ir
from rimlight.lab.training.cards import save_card
from rimlight.lab.training.networks.options import GRID_PX
from rimlight.models.catalog import compute_sha256
from rimlight.system.atomic_io import make_folder, write_bytes

if TYPE_CHECKING:
    from rimlight.lab.training.conversion import Agreement

_log = logging.getLogger(__name__)

SIZES = ((448, 256), (672, 384), (896, 512))
MIN_ARGMAX = 0.999
MAX_DIFFERENCE = 1e-3  # of scores, for the same weights: the sums run in another order
MAX_ROUNDED_DIFFERENCE = 0.05  # of scores, once float16 has rounded the weights to 11 bits

_HINT = "import-openvino knows one network, road-segmentation-adas-0001"
_PALETTE = {"background": "#000000", "road": "#804080", "curb": "#f423e8", "mark": "#ffd23f"}
_ORIGIN = (
    "road-segmentation-adas-0001 of Intel's Open Model Zoo, converted by rimlight from the "
    "OpenVINO IR whose weights have sha256 "
)


class ImportOptions(Options):
    """The sizes, (width, height), at which an imported network is to run.

    Attributes:
        sizes: input sizes of the models, in multiples of 32.
    """

    sizes: tuple[Size, ...] = SIZES

    @field_validator("sizes")
    @classmethod
    def _on_the_grid(cls, sizes: tuple[Size, ...]) -> tuple[Size, ...]:
        if wrong := [size for size in sizes if size[0] % GRID_PX or size[1] % GRID_PX]:
            raise ValueError(f"{wrong[0][0]}x{wrong[0][1]} is not made of multiples of {GRID_PX}")
        return sizes


def import_road(
    xml: Path,
    bin: Path,
    out: Path,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    float16: bool = True,
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> list[Path]:
    """Rebuild the network with its weights; write a .tflite file and a card for each size.

    Args:
        xml: the graph, FP32 or FP16.
        bin: its weights.
        out: the folder to write into; made when it is missing.
        sizes: (width, height) of the inputs, multiples of 32.
        float16: store weights as float16; else as float32, in files named "...-float32".
        pictures: BGR uint8 (h, w, 3) of any size, on which to check the files besides noise.

    Returns:
        The cards, in the order of `sizes`; each lies beside its model file.

    Raises:
        ValueError: a size is not made of multiples of 32.
        ModelNotFoundError: `xml` or `bin` cannot be read.
        ModelFormatError: the two files are another network.
        ModelError: a converted file disagrees with the network, or cannot be written. No card
            is written for it.
        MissingDependencyError: TensorFlow is not installed.
    """
    ir = read_ir(xml, bin)
    _warn_if_unknown(xml, bin)
    models = [load_road(ir, size) for size in sizes]
    source = compute_sha256(bin)
    cards = []
    for size, model in zip(sizes, models, strict=True):
        content = _convert(model, size, float16=float16, pictures=pictures)
        card = _make_card(_make_name(size, float16=float16), size, content, source)
        cards.append(_write(card, content, out))
    return cards


def load_road(ir: IrGraph, size: tuple[int, int] | None = None) -> Any:
    """Return the Keras model with the weights of `ir`, for pictures of `size` (width, height).

    Without a size it is for those that `ir` itself takes.

    Raises:
        ValueError: `size` is not made of multiples of 32.
        ModelFormatError: `ir` is another network.
        MissingDependencyError: TensorFlow is not installed.
    """
    try:
        from rimlight.lab.training.networks.road_adas import build_road_adas
    except ModuleNotFoundError as exc:
        raise MissingDependencyError(
            f"importing a network needs {exc.name}, which is not installed",
            hint="pip install 'rimlight[keras]'",
        ) from exc
    from rimlight.lab.training.networks.road_adas import find_difference, list_model_steps

    height, width = _read_input_size(ir)
    same_size = build_road_adas((width, height))
    model = build_road_adas(size) if size and size != (width, height) else same_size
    if problem := find_difference(list_steps(ir), list_model_steps(same_size)):
        raise ModelFormatError(f"{ir.name} is not the road network: {problem}", hint=_HINT)
    for name, (kernel, bias) in collect_weights(ir).items():
        model.get_layer(name).set_weights([_convert_kernel(kernel), bias])
    return model


def _warn_if_unknown(xml: Path, bin: Path) -> None:
    """A graph of the right structure may hold other weights: a user's own, or a later release."""
    try:
        identify_road(xml, bin)
    except ModelFormatError as exc:
        _log.warning("%s; importing it as your own", exc)


def _read_input_size(ir: IrGraph) -> tuple[int, int]:
    """Return (height, width) of what `ir` takes."""
    data = ir.layers.get("data")
    if (
        data is None
        or len(data.shape) != 4
        or any(side % GRID_PX or not side for side in data.shape[2:])
    ):
        shown = data.shape if data else "missing"
        reason = f"its input 'data' is {shown}, expected 1x3 and two multiples of {GRID_PX}"
        raise ModelFormatError(f"{ir.name} is not the road network: {reason}", hint=_HINT)
    return data.shape[2], data.shape[3]


def _convert_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move (out, in, y, x) to Keras's (y, x, in, out), or depthwise to (y, x, channels, 1)."""
    if kernel.ndim == 5:
        return kernel[:, 0].transpose(2, 3, 0, 1)
    return kernel.transpose(2, 3, 1, 0)


def _convert(
    model: Any, size: tuple[int, int], *, float16: bool, pictures: Sequence[NDArray[np.uint8]]
) -> bytes:
    from rimlight.lab.training.conversion import compare, to_tflite

    content = to_tflite(model, float16=float16)
    if pictures:
        shown = [cv2.resize(picture, size).astype(np.float32) for picture in pictures]
        limit = MAX_ROUNDED_DIFFERENCE if float16 else MAX_DIFFERENCE
        _refuse_if_different(compare(model, content, shown), limit)
    if float16:
        # On noise, where classes are nearly equal, rounding alone changes the winner on 0.2 % of
        # the pixels. Against rounded weights the converter has to answer for its own errors only.
        model.set_weights([w.astype(np.float16).astype(np.float32) for w in model.get_weights()])
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3))
    found = compare(model, content, [noise.astype(np.float32)])
    _refuse_if_different(found, MAX_DIFFERENCE)
    return content


def _refuse_if_different(found: Agreement, limit: float) -> None:
    if found.difference > limit or found.argmax < MIN_ARGMAX:
        raise ModelError(
            f"the converted file disagrees with the network: scores differ by up to "
            f"{found.difference:.2g} (at most {limit}), the winning class is the same on "
            f"{found.argmax:.3%} of the pixels (at least {MIN_ARGMAX:.1%})",
            hint="this TensorFlow converts wrongly; install the versions rimlight[keras] names",
        )


def _make_name(size: tuple[int, int], *, float16: bool) -> str:
    name = "road" if size == SIZES[0] else f"road-{size[0]}x{size[1]}"
    return name if float16 else f"{name}-float32"


def _make_card(name: str, size: tuple[int, int], content: bytes, source: str) -> ModelCard:
    file = ModelFile(
        file=f"{name}.tflite",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
    return ModelCard(
        name=name,
        summary=f"road, curb and lane marks of a dashcam picture, at {size[0]}x{size[1]}",
        files=(file,),
        license="Apache-2.0",
        origin=_ORIGIN + source,
        trained_on="dashcam pictures of Intel's own, not published; Intel licenses the weights",
        commercial="yes",
        input=InputSpec(size=size, color="bgr", scale=1.0),
        output=OutputSpec(kind="softmax"),
        classes=tuple(_PALETTE),
        foreground=("road", "mark"),
        palette=_PALETTE,
        alpha_range=(0.25, 0.75),
    )


def _write(card: ModelCard, content: bytes, out: Path) -> Path:
    """Write the model, then its card: a card never stands without its model."""
    make_folder(out, ModelError)
    write_bytes(out / card.files[0].file, content, ModelError)
    return save_card(card, out / f"{card.name}.yaml")
