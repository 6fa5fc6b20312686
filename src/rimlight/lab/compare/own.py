"""Our own contenders, within their worker processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import RefinerConfig, SegmenterConfig
from rimlight.core.frame import Frame
from rimlight.core.protocols import Refiner, Segmenter
from rimlight.factory.segmenter import open_segmenter
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.setups import upscale_as_composited

Segment = Callable[[NDArray[np.uint8], Mapping[str, Any]], Alpha]


def open_segment(settings: Mapping[str, Any]) -> Segment:
    """Return the function that a worker answers with; it lasts as long as the process.

    Args:
        settings: "segmenter" and "refiners" as in the YAML of a run.

    Raises:
        RimlightError: a part does not open.
    """
    cv2.setNumThreads(1)
    refiners = [RefinerConfig.model_validate(part).open() for part in settings["refiners"]]
    return OwnContender(settings["segmenter"], refiners)


class OwnContender:
    """A segmenter, opened for the first frame's size, and refiners: alpha as effects see it."""

    def __init__(self, segmenter: Mapping[str, Any], refiners: list[Refiner]) -> None:
        self._config = SegmenterConfig.model_validate({**segmenter, "threads": 1})
        self._segmenter: Segmenter | None = None
        self._refiners = refiners
        self._index = 0

    def __call__(self, image: NDArray[np.uint8], head: Mapping[str, Any]) -> Alpha:
        """Return float32 (h, w) in [0, 1] for BGR uint8 (h, w, 3) `image`."""
        if head["new"]:
            self._index = 0
            for refiner in self._refiners:
                refiner.close()
        frame = Frame.from_bgr(
            image, index=self._index, pts=Fraction(head["pts"]), captured_at=time.monotonic()
        )
        self._index += 1
        if self._segmenter is None:
            self._segmenter = open_segmenter(self._config, frame.size)
        mask = self._segmenter.segment(frame)
        for refiner in self._refiners:
            mask = refiner.refine(mask, frame)
        return upscale_as_composited(mask, frame)
