"""Models that stay open between the tasks of one worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rimlight.core.config import SegmenterConfig
from rimlight.factory.segmenter import is_wide, open_segmenter

if TYPE_CHECKING:
    from rimlight.core.frame import Frame, Mask
    from rimlight.core.protocols import Segmenter


class ModelCache:
    """Opens each model once and lends it out; the last one that was wanted stays.

    One run at a time may use it.
    """

    def __init__(self) -> None:
        self._name = ""
        self._model: Segmenter | None = None

    def open(self, part: SegmenterConfig, size: tuple[int, int]) -> Segmenter:
        """Return the segmenter that `part` describes, for pictures of (width, height).

        Raises:
            ModelError: it is not here, or not what its card says.
        """
        if part.is_stateful:
            return open_segmenter(part, size)
        name = json.dumps([part.model_dump(mode="json"), is_wide(size)], sort_keys=True)
        if self._model is None or name != self._name:
            self.close()
            self._model, self._name = open_segmenter(part, size), name
        return _Lent(self._model)

    def close(self) -> None:
        """Release the model."""
        if self._model is not None:
            self._model.close()
            self._model = None


class _Lent:
    """A segmenter that outlives its run."""

    def __init__(self, model: Segmenter) -> None:
        self._model = model

    def segment(self, frame: Frame) -> Mask:
        return self._model.segment(frame)

    def close(self) -> None:
        """Leave it open: it is only lent."""
