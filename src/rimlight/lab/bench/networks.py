"""Compare networks on one machine: time, memory, size and quality.

They are built here with random weights, named by the user, or shipped. All but the shipped ones
need TensorFlow; the command checks for it first.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.model_card import ModelCard, ModelFile
from rimlight.core.protocols import Segmenter
from rimlight.core.tensor_specs import InputSpec, OutputSpec
from rimlight.lab.bench.interleaved_timing import Cost, measure_in_turns
from rimlight.lab.evaluation.datasets import Sample
from rimlight.lab.evaluation.metrics import compute_iou
from rimlight.lab.evaluation.setups import upscale_raw
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import TensorInfo

PRUNED_SHARE = 0.3
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


def build_untrained(folder: Path, frames: Sequence[Frame]) -> Iterator[Contender]:
    """Build the networks of the table and yield a file for each; speed knows no weights.

    Args:
        folder: where the files go.
        frames: what the small network's int8 variant is calibrated on.
    """
    for name, options in LARGE.items():
        yield from _convert_variants(
            name, build_network(options), _make_card(options), folder, frames=()
        )
    model, card = build_network(SMALL), _make_card(SMALL)
    yield from _convert_variants("light", model, card, folder, frames=frames)

    from rimlight.lab.training.pruning_methods import Masks, remove_filters

    fewer = remove_filters(model, PRUNED_SHARE)
    Masks(model).prune(PRUNED_SHARE)
    zeros = f"light, {PRUNED_SHARE:.0%} zeros"
    yield from _convert_variants(zeros, model, card, folder, frames=())
    less = f"light, {PRUNED_SHARE:.0%} of its filters gone"
    yield from _convert_variants(less, fewer, card, folder, frames=())


def load_given(model: str, folder: Path, frames: Sequence[Frame]) -> Iterator[Contender]:
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
    yield from _convert_variants(name, network, card, folder, frames=frames, trained=True)


def list_shipped() -> Iterator[Contender]:
    """Yield all models of the catalog that are on this machine."""
    catalog = Catalog()
    for name in catalog.list_names():
        card = catalog.find_card(name)
        found = catalog.find_files(card)
        if found and not card.needs and found.paths[0].suffix.lower() == ".tflite":
            yield Contender(card.name, card, found.paths[0], trained=True)


def _make_card(options: NetworkOptions) -> ModelCard:
    classes = tuple(f"class{number}" for number in range(options.classes))
    return ModelCard(
        name=options.name,
        files=(ModelFile(file=f"{options.name}.tflite"),),
        input=InputSpec(size=options.size),
        output=OutputSpec(kind="softmax"),
        classes=classes,
        foreground=classes[1:],
    )


def _convert_variants(
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
        inputs = _make_inputs(card, model, frames)
        variants[", float16"] = lambda: to_tflite(model, float16=True)
        variants[", int8"] = lambda: to_quantized(model, inputs)
    for ending, convert in variants.items():
        file = folder / f"{len(list(folder.iterdir()))}.tflite"
        file.write_bytes(convert())
        own = card.model_copy(update={"files": (ModelFile(file=file.name),)})
        yield Contender(name + ending, own, file, trained)


def _make_inputs(card: ModelCard, model: Any, frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
    maker = Preprocessor(card.input, TensorInfo((1, *model.input_shape[1:]), "float32"))
    return [np.array(maker.to_tensor(frame), np.float32) for frame in frames]


WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table.

    Attributes:
        name: of the network.
        size: (width, height) of its input.
        wall_ms: median time from a frame to its mask, on one thread.
        cpu_ms: the same in CPU time.
        memory_mb: by how much a process grows at most that opens the file and runs it once; 0
            where /proc does not tell.
        file_bytes: of the file.
        packed_bytes: of the file after gzip.
        iou: the mean over the pictures; None for random weights, or without pictures.
    """

    name: str
    size: tuple[int, int]
    wall_ms: float
    cpu_ms: float
    memory_mb: float
    file_bytes: int
    packed_bytes: int
    iou: float | None


def measure(
    contenders: Sequence[Contender],
    frames: Sequence[Frame],
    *,
    rounds: int,
    pictures: Iterable[Sample] = (),
) -> list[Measured]:
    """Measure all networks in turns, on one thread.

    Args:
        contenders: at least one.
        frames: what time is measured on.
        rounds: how many frames each gets.
        pictures: whose true foreground is known, for the quality; gone through once for each.

    Raises:
        ModelError: a file is not what its card says.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        stack.callback(cv2.setNumThreads, threads)
        opened = [_open_segmenter(contender, stack) for contender in contenders]
        costs = _measure_times(opened, frames, rounds)
        found = [
            measure_mean_iou(segmenter, pictures) if contender.trained else None
            for contender, segmenter in zip(contenders, opened, strict=True)
        ]
    return [_make_line(*one) for one in zip(contenders, costs, found, strict=True)]


def measure_mean_iou(segmenter: Segmenter, samples: Iterable[Sample]) -> float | None:
    """Return the mean IoU of the foreground; None where no picture's foreground is known."""
    found = []
    for sample in samples:
        if sample.alpha is not None:
            alpha = upscale_raw(segmenter.segment(sample.frame), sample.frame)
            found.append(compute_iou(alpha >= 0.5, sample.alpha >= 0.5))
    return float(np.mean(found)) if found else None


def measure_peak_mb(file: Path) -> float:
    """Open and run a .tflite file in a process of its own; return by how many MB that grew."""
    if not Path("/proc/self/clear_refs").exists():
        return 0.0
    command = [sys.executable, "-c", _PEAK_SCRIPT, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


# Writing 5 sets the peak back to what is resident now: importing went higher than that.
_PEAK_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from rimlight.segmenters.tflite import TfliteRuntime

def kilobytes(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(key)))

Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
engine = TfliteRuntime(Path(sys.argv[1]), threads=1)
engine.set_input(np.zeros(engine.input.shape, engine.input.dtype))
engine.invoke()
print(kilobytes("VmHWM") - before)
"""


def _open_segmenter(contender: Contender, stack: ExitStack) -> Segmenter:
    kind = SEGMENTERS.load(contender.card.runtime)
    segmenter: Segmenter = kind(contender.card, contender.file, kind.Options(threads=1))
    stack.callback(segmenter.close)
    return segmenter


def _measure_times(opened: Sequence[Segmenter], frames: Sequence[Frame], rounds: int) -> list[Cost]:
    """Return the cost of each; by number, as two models may have one name."""

    def call(segmenter: Segmenter) -> Callable[[int], object]:
        return lambda number: segmenter.segment(frames[number % len(frames)])

    calls = {str(number): call(segmenter) for number, segmenter in enumerate(opened)}
    return list(measure_in_turns(calls, rounds, warm_up=WARM_UP).values())


def _make_line(contender: Contender, cost: Cost, found: float | None) -> Measured:
    content = contender.file.read_bytes()
    return Measured(
        name=contender.name,
        size=contender.card.input.fixed_size,
        wall_ms=cost.wall_ms,
        cpu_ms=cost.cpu_ms,
        memory_mb=measure_peak_mb(contender.file),
        file_bytes=len(content),
        packed_bytes=len(gzip.compress(content, mtime=0)),
        iou=found,
    )
