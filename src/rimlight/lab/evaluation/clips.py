"""Videos and other sources as data: the truth is known only where the source can tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.core.protocols import Source
from rimlight.lab.evaluation.datasets import SEQUENCE_RATE, Sample
from rimlight.lab.evaluation.labels import Scheme
from rimlight.lab.evaluation.metrics import Alpha

ENDLESS_COUNT = 150
"""Frames taken of a source that never ends, unless a limit says otherwise."""


@runtime_checkable
class KnowsTruth(Protocol):
    """A source that draws its pictures, and so knows what they show."""

    def draw_mask(self, index: int) -> NDArray[np.uint8]:
        """Return the mask of frame `index`: uint8 (height, width), 255 on the foreground."""
        ...


class SourceData:
    """The frames of a source.

    Args:
        opener: opens the source anew for every pass.
        name: what reports call it.
        limit: use only this many frames.

    Raises:
        ConfigError: the source is live, so no two passes would see the same.
        SourceError: it does not open.
    """

    scheme: Scheme | None = None

    def __init__(
        self, opener: Callable[[], Source], *, name: str, limit: int | None = None
    ) -> None:
        self._opener = opener
        self.name = name
        source = opener()
        info = source.info
        source.close()
        if info.is_live:
            raise ConfigError(f"{name} is live", hint="record it and evaluate the recording")
        self.rate = None if info.is_image_sequence else info.rate or SEQUENCE_RATE
        self.size = info.size
        ends = info.count is not None or not isinstance(source, KnowsTruth)
        self._limit = limit if ends or limit is not None else ENDLESS_COUNT
        known = [count for count in (info.count, self._limit) if count is not None]
        self.count = min(known, default=None)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the frames.

        Raises:
            SourceReadError: the source broke off.
        """
        source = self._opener()
        try:
            for frame in islice(source, self._limit):
                yield Sample(frame, alpha=_truth(source, frame))
        finally:
            source.close()


def _truth(source: Source, frame: Frame) -> Alpha | None:
    if not isinstance(source, KnowsTruth):
        return None
    return (source.draw_mask(frame.index) / np.float32(255)).astype(np.float32)
