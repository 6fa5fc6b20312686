"""Single objects from models with boxes and mask prototypes, as YOLO-seg exports have them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.model_card import ModelCard, check_runnable
from rimlight.segmenters.decode import Limits, decode
from rimlight.segmenters.engine import TensorInfo
from rimlight.segmenters.tensors import InputMaker
from rimlight.segmenters.tflite import TfliteEngine, Threads, auto_threads


class InstanceSegmenter:
    """Finds single objects with a .tflite model of two outputs.

    The candidates are (1, 4 + classes + k, n): box center and size, class scores after their
    sigmoid, k mask coefficients. The prototypes are (1, h, w, k). Float or quantized.

    Args:
        card: how to feed the file, and its classes.
        file: the .tflite file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(opt.Options):
        """Which objects count, and how the model is run."""

        threads: Annotated[
            Threads, Field(description="CPU threads; auto: half of the cores, 4 at most")
        ] = "auto"
        confidence: Annotated[
            float, Field(gt=0, lt=1, description="objects of a lower score are not taken")
        ] = 0.25
        overlap: Annotated[
            float,
            Field(gt=0, le=1, description="of two masks of a class that share more, one stays"),
        ] = 0.5
        max_objects: Annotated[int, Field(ge=1, le=1000, description="the surest so many")] = 100
        several: Annotated[
            bool, Field(description="one thing may be of several classes, as benchmarks have it")
        ] = False
        weighed: Annotated[
            bool, Field(description="scores count less where box and mask disagree")
        ] = False

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        self.card = card
        self._limits = Limits(
            options.confidence,
            options.overlap,
            options.max_objects,
            several=options.several,
            weighed=options.weighed,
        )
        threads = auto_threads() if options.threads == "auto" else options.threads
        engine = TfliteEngine(file, size=card.input.size, threads=threads)
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            self._at = _outputs(card, file, engine)
            self._input = InputMaker(card.input, engine.input, engine.memory)
            on_error.pop_all()
        self._engine = engine
        self._closed = False

    def find(self, frame: Frame) -> Instances:
        """Return the single objects of `frame`, the surest first.

        Raises:
            ValueError: the segmenter is closed.
        """
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        first, second = self._at
        candidates = self._engine.run(self._input.make(frame), first)
        place = self._input.place(frame.size)
        return decode(
            _real(candidates[0], self._engine.outputs[first]),
            _real(self._engine.read(second)[0], self._engine.outputs[second]),
            card=self.card,
            place=place,
            limits=self._limits,
        )

    def segment(self, frame: Frame) -> Mask:
        """Return the objects of `frame` as a mask that covers all of it."""
        return Mask.from_instances(
            self.find(frame), foreground=self.card.foreground, edges=self.card.edges
        )

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()


def _real(values: NDArray[Any], info: TensorInfo) -> NDArray[Any]:
    """Return the real values that a quantized output stands for, as float32."""
    if not info.scale:
        return values
    return (values.astype("float32") - info.zero) * info.scale


def _outputs(card: ModelCard, file: Path, engine: TfliteEngine) -> tuple[int, int]:
    """Return which outputs are the candidates and the prototypes.

    Raises:
        ModelFormatError: the file is not what the card says.
    """
    width, height = card.input.size
    if engine.input.shape != (1, height, width, 3):
        raise _disagree(card, file, f"input {engine.input}", f"1x{height}x{width}x3")
    found = " and ".join(str(info) for info in engine.outputs)
    protos = [n for n, info in enumerate(engine.outputs) if len(info.shape) == 4]
    if len(engine.outputs) != 2 or len(protos) != 1:
        raise _disagree(card, file, f"outputs {found}", "instances: boxes and prototypes")
    rows = 4 + len(card.classes) + engine.outputs[protos[0]].shape[3]
    first = 1 - protos[0]
    if engine.outputs[first].shape[:2] != (1, rows) or len(engine.outputs[first].shape) != 3:
        raise _disagree(card, file, f"outputs {found}", f"candidates of 1x{rows}xn")
    return first, protos[0]


def _disagree(card: ModelCard, file: Path, found: str, said: str) -> ModelFormatError:
    return ModelFormatError(
        f"{file.name} has {found}, its card {card.name!r} says {said}",
        hint="correct the card, or use the file that it was written for",
    )
