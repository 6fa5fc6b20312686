"""The networks of the comparison table: made here with random weights, given, and shipped.

But for those shipped, all need TensorFlow; the command looks for it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.model_card import InputSpec, ModelCard, ModelFile, OutputSpec
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions
from rimlight.models.catalog import Catalog
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import TensorInfo

SHARE = 0.3
"""What pruning takes from the small network."""

LARGE = {
    "DeepLabV3+ Xception": NetworkOptions(name="deeplab-xception", size=(512, 512), classes=21),
    "DeepLabV3+ MobileNetV2": NetworkOptions(
        name="deeplab-mobilenetv2", size=(512, 512), classes=21
    ),
}
SMALL = NetworkOptions(name="light", size=(256, 256), classes=2)


@dataclass(frozen=True, slots=True)
class Contender:
    """A TensorFlow Lite file to be measured.

    Attributes:
        name: its line in the table.
        card: how it is fed and read.
        file: where it lies.
        trained: whether its masks mean anything.
    """

    name: str
    card: ModelCard
    file: Path
    trained: bool


def untrained(folder: Path, frames: Sequence[Frame]) -> Iterator[Contender]:
    """Build the networks of the table and yield a file for each; speed knows no weights.

    Args:
        folder: where the files go.
        frames: what the small network's int8 variant is calibrated on.
    """
    for name, options in LARGE.items():
        yield from _converted(name, build_network(options), _card(options), folder, frames=())
    model, card = build_network(SMALL), _card(SMALL)
    yield from _converted("light", model, card, folder, frames=frames)

    from rimlight.lab.training.pruning_methods import Masks, narrowed

    fewer = narrowed(model, SHARE)
    Masks(model).prune(SHARE)
    zeros = f"light, {SHARE:.0%} zeros"
    yield from _converted(zeros, model, card, folder, frames=())
    less = f"light, {SHARE:.0%} of its filters gone"
    yield from _converted(less, fewer, card, folder, frames=())


def given(model: str, folder: Path, frames: Sequence[Frame]) -> Iterator[Contender]:
    """Yield what a user names: a model as it is, of a .keras file its three variants.

    Args:
        model: a name of the catalog, a card, or a file.
        folder: where the variants go.
        frames: what the int8 variant is calibrated on.

    Raises:
        ModelError: there is no such model, or it cannot be opened or converted.
    """
    card, file = Catalog().resolve(model)
    if file.suffix != ".keras":
        yield Contender(card.name, card, file, trained=True)
        return
    from rimlight.segmenters.keras import open_keras

    network = open_keras(file)
    name = f"{file.parent.name}/{file.stem}"
    yield from _converted(name, network, card, folder, frames=frames, trained=True)


def shipped() -> Iterator[Contender]:
    """Yield all models of the catalog that are on this machine."""
    catalog = Catalog()
    for name in catalog.list_names():
        card = catalog.find_card(name)
        found = catalog.find_files(card)
        if found and not card.needs and found.paths[0].suffix.lower() == ".tflite":
            yield Contender(card.name, card, found.paths[0], trained=True)


def _card(options: NetworkOptions) -> ModelCard:
    classes = tuple(f"class{number}" for number in range(options.classes))
    return ModelCard(
        name=options.name,
        files=(ModelFile(file=f"{options.name}.tflite"),),
        input=InputSpec(size=options.size),
        output=OutputSpec(kind="softmax"),
        classes=classes,
        foreground=classes[1:],
    )


def _converted(
    name: str,
    model: Any,
    card: ModelCard,
    folder: Path,
    *,
    frames: Sequence[Frame],
    trained: bool = False,
) -> Iterator[Contender]:
    """Yield a network as float32 and, where there are frames, as float16 and int8 too."""
    from rimlight.lab.training.conversion import to_quantized, to_tflite

    variants: dict[str, Callable[[], bytes]] = {"": lambda: to_tflite(model, float16=False)}
    if frames:
        inputs = _inputs(card, model, frames)
        variants[", float16"] = lambda: to_tflite(model, float16=True)
        variants[", int8"] = lambda: to_quantized(model, inputs)
    for ending, convert in variants.items():
        file = folder / f"{len(list(folder.iterdir()))}.tflite"
        file.write_bytes(convert())
        own = card.model_copy(update={"files": (ModelFile(file=file.name),)})
        yield Contender(name + ending, own, file, trained)


def _inputs(card: ModelCard, model: Any, frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
    maker = Preprocessor(card.input, TensorInfo((1, *model.input_shape[1:]), "float32"))
    return [np.array(maker.to_tensor(frame), np.float32) for frame in frames]
