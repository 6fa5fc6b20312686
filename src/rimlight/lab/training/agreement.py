"""Whether two files of one model see the same in real pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import InferenceRuntime

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
        same = _winners(first, middle) == _winners(second, middle)
        shares.append(float(np.mean(same)))
        difference = max(difference, float(np.abs(first - second).max()))
    if not shares:
        raise ValueError("need at least one picture to compare on, got none")
    return Sameness(float(np.mean(shares)), min(shares), difference, len(shares))


def _winners(scores: Scores, middle: float) -> NDArray[np.intp]:
    single = scores.shape[2] == 1
    found = scores[..., 0] > middle if single else scores.argmax(axis=2)
    return found.astype(np.intp)
