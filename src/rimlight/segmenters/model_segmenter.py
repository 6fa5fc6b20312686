"""The base of segmenters with a model file: preprocess, run, postprocess."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rimlight.core.frame import Frame, Mask
from rimlight.core.model_card import ModelCard, check_runnable
from rimlight.segmenters.crop_detect import BarDetector, crop_frame, uncrop_mask
from rimlight.segmenters.postprocess import Postprocessor
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import Device, InferenceRuntime, check_card, describe_device


class ModelSegmenter:
    """Runs a model as its card describes. It owns and closes the runtime.

    Args:
        card: how to feed the file and read its output.
        file: the model file, for messages.
        engine: the open file.
        parts: give a class for each part of a person, where the model has parts.
        device: the device that the user asked for.

    Raises:
        ModelError: the model needs a part that rimlight does not have.
        ModelFormatError: the file is not what the card says.
    """

    def __init__(
        self,
        card: ModelCard,
        file: Path,
        engine: InferenceRuntime,
        *,
        parts: bool = False,
        device: Device = "auto",
    ) -> None:
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            check_card(card, file, engine)
            self._input = Preprocessor(card.input, engine.input, engine.input_buffer)
            self._mask = Postprocessor(card, engine.outputs[card.output.index], parts=parts)
            on_error.pop_all()
        self.card = card
        self.notes = describe_device(card.name, device, getattr(engine, "device", "cpu"))
        self._engine = engine
        self._borders = BarDetector()
        self._closed = False

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask that covers the whole of `frame`, at the model's resolution.

        A model of people gets the frame without uniform bars; the mask is 0 there.

        Raises:
            ValueError: the segmenter is closed.
        """
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        box = self._borders.detect(frame) if self.card.is_of_people else None
        if box is None:
            return self._run(frame)
        return uncrop_mask(self._run(crop_frame(frame, box)), box, frame.size)

    def _run(self, frame: Frame) -> Mask:
        output = self._engine.run(self._input.to_tensor(frame), self.card.output.index)
        return self._mask.to_mask(output, self._input.locate_frame(frame.size), self._input.size)

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()
