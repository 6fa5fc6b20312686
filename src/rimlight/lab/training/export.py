"""From a trained network to the file that the pipeline runs, compared on real pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError
from rimlight.core.frame import Frame
from rimlight.core.model_card import ModelCard, load_card
from rimlight.core.wording import format_count
from rimlight.lab.training.cards import describe_card, save_card
from rimlight.lab.training.conversion import (
    Reader,
    Sameness,
    compare_files,
    to_quantized,
    to_tflite,
)
from rimlight.lab.training.data.unlabeled import extract_frames
from rimlight.models.catalog import Catalog
from rimlight.segmenters.keras import KerasRuntime, open_keras
from rimlight.segmenters.tflite import TfliteRuntime
from rimlight.system import app_paths
from rimlight.system.atomic_io import make_folder, write_bytes

Number = Literal["float32", "float16", "dynamic", "int8"]
"""How numbers are stored; "dynamic": weights as int8; "int8": everything, in and out too."""

LEAST = {"float32": 0.9999, "float16": 0.999, "dynamic": 0.985, "int8": 0.985}
"""The share of pixels whose winning class must be the same as Keras's."""

CALIBRATED_ON = 200  # pictures
COMPARED_ON = 40
FEW = 10
"""Fewer pictures than this do not show what values a network meets."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        file: the .tflite file.
        card: its card, beside it.
        sameness: with the network, on real pictures.
    """

    file: Path
    card: Path
    sameness: Sameness


def export(
    model: Path,
    out: Path,
    *,
    number: Number,
    calibration: Sequence[Path] = (),
    check: Sequence[Path] = (),
    least: float | None = None,
) -> Exported:
    """Convert a .keras file to TensorFlow Lite, compare the two, and write file and card.

    Args:
        model: a .keras file with its card beside it; without one a card is guessed.
        out: the .tflite file. Nothing is written where the two disagree.
        number: how numbers are stored.
        calibration: for "int8": folders of pictures such as the model will see.
        check: folders of pictures or clips to compare on; (): `calibration`, else the samples
            that travel with rimlight.
        least: the share of pixels whose winning class must be the same; None: as `LEAST` says.

    Raises:
        ConfigError: "int8" without calibration, or names that do not fit.
        ModelNotFoundError: there is no such model.
        ModelFormatError: it is not a model that can be converted.
        ModelError: the files disagree, or cannot be written.
        SourceError: pictures cannot be read.
    """
    card, file = Catalog().resolve(str(model))
    _refuse_wrong_names(card, file, out)
    if number == "int8" and not calibration:
        raise ConfigError(
            "int8 needs pictures to calibrate on",
            hint="name a folder of some dozens such as the model will see",
        )
    frames = list(extract_frames([*(check or calibration or _find_samples())], limit=COMPARED_ON))
    network = _cut(open_keras(file), card)
    with closing(KerasRuntime(file)) as keeper:
        ours = Reader(card, keeper)
        inputs = [ours.tensor(f) for f in extract_frames([*calibration], limit=CALIBRATED_ON)]
        if number == "int8" and len(inputs) < FEW:
            _log.warning(
                "int8 is calibrated on %s%s: name some dozens such as the model will see",
                format_count(len(inputs), "picture"),
                "" if check else ", and checked on no others",
            )
        content = _convert(network, number, inputs if number == "int8" else ())
        card = _check_one_output(card)
        found = _compare(card, ours, content, frames)
    _refuse_if_different(found, number, LEAST[number] if least is None else least)
    return _write(card, content, out, number, found)


def _refuse_wrong_names(card: ModelCard, file: Path, out: Path) -> None:
    if card.runtime != "keras":
        raise ConfigError(
            f"{file.name} is no .keras file of masks", hint="name the best.keras of a training"
        )
    if out.suffix != ".tflite":
        raise ConfigError(f"{out} must end in .tflite", hint=f"-o {out.with_suffix('.tflite')}")
    beside = out.with_suffix(".yaml")
    owner = _find_owner(beside)
    if owner != out.name:
        raise ConfigError(
            f"{beside} would be replaced by the card of {out.name}, and is {owner}",
            hint=f"choose another name, such as {out.stem}-export.tflite",
        )


def _find_owner(beside: Path) -> str:
    """Return whose card a file is, in words; the name itself where there is no file."""
    if not beside.exists():
        return beside.with_suffix(".tflite").name
    try:
        name = load_card(beside).files[0].file
    except ModelFormatError:
        return "no card"
    return name if name.endswith(".tflite") else f"the card of {name}"


def _find_samples() -> tuple[Path, ...]:
    folder = app_paths.find_data_folder("samples")
    return folder / "portrait.mp4", folder / "road.mp4"


def _cut(model: Any, card: ModelCard) -> Any:
    """Return the part of a network that gives the one output which the card reads.

    Raises:
        ModelFormatError: there is no such output.
    """
    outputs = keras.tree.flatten(model.outputs)
    if card.output.index >= len(outputs):
        raise ModelFormatError(
            f"the card reads output {card.output.index}, and the network has {len(outputs)}",
            hint="output.index counts from 0",
        )
    if len(outputs) == 1:
        return model
    return keras.Model(model.inputs, outputs[card.output.index], name=model.name)


def _check_one_output(card: ModelCard) -> ModelCard:
    output = card.output.model_copy(update={"index": 0})
    return card.model_copy(update={"output": output})


def _convert(model: Any, number: Number, inputs: Sequence[NDArray[np.float32]]) -> bytes:
    if None in model.input_shape[1:]:
        raise ModelFormatError(
            f"{model.name} leaves its input's size open: {model.input_shape}",
            hint="build the network for one size",
        )
    if number in {"dynamic", "int8"}:
        return to_quantized(model, inputs)
    return to_tflite(model, float16=number == "float16")


def _compare(card: ModelCard, ours: Reader, content: bytes, frames: Sequence[Frame]) -> Sameness:
    with tempfile.TemporaryDirectory(prefix="rimlight-export-") as folder:
        made = Path(folder) / "made.tflite"
        made.write_bytes(content)
        with closing(TfliteRuntime(made, threads=1)) as engine:
            middle = 0.0 if card.output.kind == "sigmoid" else 0.5
            return compare_files(ours, Reader(card, engine), frames, middle=middle)


def _refuse_if_different(found: Sameness, number: Number, least: float) -> None:
    if found.argmax >= least:
        return
    hint = {
        "int8": "calibrate on more pictures such as the model will see, or store float16",
        "dynamic": "store float16, or calibrate int8 on pictures such as the model will see",
    }
    raise ModelError(
        f"the {number} file disagrees with the network: the winning class is the same on "
        f"{found.argmax:.3%} of the pixels, at least {least:.2%} must be (worst picture "
        f"{found.worst:.3%}, scores differ by up to {found.difference:.2g}); nothing is written",
        hint=hint.get(number, "this TensorFlow converts wrongly; install rimlight[keras]'s"),
    )


def _write(card: ModelCard, content: bytes, out: Path, number: Number, found: Sameness) -> Exported:
    """Write the model, then its card: a card never stands without its model."""
    make_folder(out.parent, ModelError)
    write_bytes(out, content, ModelError)
    note = (
        f"Stored as {number}; the winning class is that of {card.files[0].file} on "
        f"{found.argmax:.3%} of the pixels of {found.pictures} pictures."
    )
    update = {
        "name": out.stem,
        "files": (describe_card(out),),
        "notes": f"{card.notes} {note}".strip(),
    }
    path = save_card(card.model_copy(update=update), out.with_suffix(".yaml"))
    return Exported(out, path, found)
