"""Convert Keras models to TensorFlow Lite, and compare the file with the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import InferenceRuntime
from rimlight.system.stderr import filter_stderr

_CHATTER = (b"I0000 ", b"W0000 ", b"WARNING: All log messages before absl", b"fully_quantize:")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a file's results compare with the model it was made from, at the worst picture.

    Attributes:
        difference: the greatest absolute difference of two scores.
        argmax: the share of pixels, in 0..1, whose winning class is the same.
    """

    difference: float
    argmax: float


def to_tflite(model: Any, *, float16: bool) -> bytes:
    """Convert a Keras model of one input to TensorFlow Lite, for one picture at a time.

    Args:
        model: its input is (batch, height, width, channels) with a fixed height and width.
        float16: store weights as float16, half the size; inputs and outputs stay float32.

    Returns:
        The bytes of the .tflite file. All sides are fixed, so that dilated convolutions stay
        whole and XNNPACK takes the entire graph.
    """
    converter = _make_converter(model)
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return _convert(converter)


def to_quantized(model: Any, calibration: Sequence[NDArray[np.float32]] = ()) -> bytes:
    """Convert a Keras model to TensorFlow Lite with weights of int8, a quarter of the size.

    Args:
        model: as `to_tflite` takes it.
        calibration: inputs (1, height, width, channels) as the model wants them. On them the
            range of every layer's results is measured, and the input, the output and all between
            become int8 too. Without any, inputs, outputs and sums stay float32.

    Returns:
        The bytes of the .tflite file.
    """
    converter = _make_converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration:
        converter.representative_dataset = lambda: ([picture] for picture in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return _convert(converter)


def compare(model: Any, content: bytes, pictures: Iterable[NDArray[np.float32]]) -> Agreement:
    """Run a Keras model and a TensorFlow Lite file on the same pictures.

    Args:
        model: from (1, height, width, channels) to (1, h, w, classes).
        content: the bytes of the .tflite file.
        pictures: at least one float32 (height, width, channels), as the model wants them.

    Raises:
        ValueError: there is no picture.
    """
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    found = [_compare_one(model, interpreter, picture[None]) for picture in pictures]
    if not found:
        raise ValueError("need at least one picture to compare on, got none")
    return Agreement(max(a.difference for a in found), min(a.argmax for a in found))


def _make_converter(model: Any) -> Any:
    picture = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")
    # The converter freezes only the variables it can reach from a TensorFlow module, and does not
    # look into a Keras 3 model for them.
    holder = tf.Module()
    holder.variables_of_model = [variable.value for variable in model.variables]
    holder.serve = tf.function(lambda x: model(x, training=False), input_signature=[picture])
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [holder.serve.get_concrete_function()], holder
    )


def _convert(converter: Any) -> bytes:
    with filter_stderr(*_CHATTER):
        return bytes(converter.convert())


def _compare_one(model: Any, interpreter: Interpreter, x: NDArray[np.float32]) -> Agreement:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    ours = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    theirs = np.asarray(model(x, training=False))
    same = np.mean(ours.argmax(-1) == theirs.argmax(-1))
    return Agreement(float(np.abs(ours - theirs).max()), float(same))


Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sameness:
    """How far two files agree.

    Attributes:
        argmax: the share of all pixels, in 0..1, whose winning class is the same.
        worst: the same of the picture where it is least.
        difference: the greatest absolute difference of two scores.
        pictures: how many were looked at.
    """

    argmax: float
    worst: float
    difference: float
    pictures: int


class Reader:
    """Reads frames with an engine: from a frame to the scores that it gives."""

    def __init__(self, card: ModelCard, engine: InferenceRuntime) -> None:
        self._input = Preprocessor(card.input, engine.input)
        self._engine = engine
        self._index = card.output.index
        self._output = engine.outputs[card.output.index]

    def tensor(self, frame: Frame) -> NDArray[np.float32]:
        """Return a new input tensor (1, h, w, 3), as the file wants it."""
        return np.array(self._input.to_tensor(frame))

    def scores(self, frame: Frame) -> Scores:
        """Return the output as it is meant, float32 (h, w, classes)."""
        values = self._engine.run(self._input.to_tensor(frame), self._index)[0].astype(np.float32)
        if self._output.scale:
            values = (values - self._output.zero) * np.float32(self._output.scale)
        scores: Scores = values.reshape(*values.shape[:2], -1)
        return scores


def compare_files(
    one: Reader, other: Reader, frames: Iterable[Frame], *, middle: float
) -> Sameness:
    """Run both on the same frames and compare what they give.

    Args:
        one: of the model.
        other: of another file of it.
        frames: real pictures.
        middle: the score from which on a single class is there.

    Raises:
        ValueError: there is no frame.
    """
    shares: list[float] = []
    difference = 0.0
    for frame in frames:
        first, second = one.scores(frame), other.scores(frame)
        same = _find_winners(first, middle) == _find_winners(second, middle)
        shares.append(float(np.mean(same)))
        difference = max(difference, float(np.abs(first - second).max()))
    if not shares:
        raise ValueError("need at least one picture to compare on, got none")
    return Sameness(float(np.mean(shares)), min(shares), difference, len(shares))


def _find_winners(scores: Scores, middle: float) -> NDArray[np.intp]:
    single = scores.shape[2] == 1
    found = scores[..., 0] > middle if single else scores.argmax(axis=2)
    return found.astype(np.intp)
