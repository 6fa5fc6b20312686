"""What every segmenter with a model file does: frame, tensor, engine, tensor, mask."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rimlight.core.frame import Frame, Mask
from rimlight.core.model_card import ModelCard, check_runnable
from rimlight.segmenters.crop_detect import Borders, cut_frame, in_whole
from rimlight.segmenters.postprocess import MaskMaker
from rimlight.segmenters.preprocess import InputMaker
from rimlight.segmenters.runtime import Engine, check_card


class ModelSegmenter:
    """Runs an engine as a card says. Takes over the engine and closes it.

    Raises:
        ModelError: the model needs a part that rimlight does not have.
        ModelFormatError: the file is not what the card says.
    """

    def __init__(self, card: ModelCard, file: Path, engine: Engine) -> None:
        with ExitStack() as on_error:
            on_error.callback(engine.close)
            check_runnable(card)
            check_card(card, file, engine)
            self._input = InputMaker(card.input, engine.input, engine.memory)
            self._mask = MaskMaker(card, engine.outputs[card.output.index])
            on_error.pop_all()
        self.card = card
        self._engine = engine
        self._borders = Borders()
        self._is_of_people = len(card.classes) == 1 and card.output.kind in {
            "probability",
            "sigmoid",
        }
        self._closed = False

    def segment(self, frame: Frame) -> Mask:
        """Return a new mask that covers the whole of `frame`, at the model's own resolution.

        Bars of one color around the picture are nobody, and a model of people does not see them.

        Raises:
            ValueError: the segmenter is closed.
        """
        if self._closed:
            raise ValueError(f"the segmenter of model {self.card.name!r} is closed")
        box = self._borders.box(frame) if self._is_of_people else None
        if box is None:
            return self._seen(frame)
        return in_whole(self._seen(cut_frame(frame, box)), box, frame.size)

    def _seen(self, frame: Frame) -> Mask:
        output = self._engine.run(self._input.make(frame), self.card.output.index)
        return self._mask.make(output, self._input.place(frame.size))

    def close(self) -> None:
        """Release the model."""
        self._closed = True
        self._engine.close()
