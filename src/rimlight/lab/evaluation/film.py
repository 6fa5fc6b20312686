"""Side-by-side videos of sequences: the picture, the truth, and what each set-up made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import SinkConfig
from rimlight.core.frame import SourceInfo
from rimlight.core.protocols import Sink
from rimlight.factory.sinks import open_sink
from rimlight.lab.evaluation.datasets import Data, Sample
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.panels import Image, beside, caption, cut_out, painted

MAX_WIDTH = 2560
"""The videos are at most this many pixels wide; the panels shrink."""


class Films:
    """Writes a video for each sequence it is shown; give `show` to `evaluate` as `on_sample`.

    Args:
        path: the video. The second and further sequences add a number to its name.
        overwrite: replace videos that exist.

    Raises:
        SinkError: a video cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
        self._names: list[str] = []
        self._sink: Sink | None = None
        self.written: list[Path] = []
        """The videos that are finished."""

    def show(
        self, data: Data, sample: Sample, shown: Mapping[str, Alpha | NDArray[np.uint8]]
    ) -> None:
        """Add the next frame of a sequence; single pictures are left out."""
        if data.rate is None:
            return
        picture = _panels(sample, shown)
        if not self._names or self._names[-1] != data.name:
            self.close()
            self._open(data, picture)
        if self._sink is not None:
            self._sink.write(sample.frame.with_bgr(picture))

    def close(self) -> None:
        """Finish the video that is being written."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
            self.written.append(self._place())

    def abort(self) -> None:
        """Throw away the video that is being written."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abort()

    def _open(self, data: Data, picture: Image) -> None:
        self._names.append(data.name)
        size = (picture.shape[1], picture.shape[0])
        config = SinkConfig.model_validate(
            {"kind": "video", "path": self._place(), "overwrite": self._overwrite}
        )
        self._sink = open_sink(config, SourceInfo(data.name, size, rate=data.rate))

    def _place(self) -> Path:
        number = len(self._names)
        name = self._path.name if number == 1 else f"{self._path.stem}-{number}{self._path.suffix}"
        return self._path.with_name(name)


def _panels(sample: Sample, shown: Mapping[str, Alpha | NDArray[np.uint8]]) -> Image:
    picture = sample.frame.bgr
    panels = {"picture": picture}
    truth = sample.alpha if sample.alpha is not None else sample.labels
    if truth is not None:
        panels["truth"] = _drawn(picture, truth)
    panels |= {name: _drawn(picture, values) for name, values in shown.items()}
    return beside(*(caption(_fit(p, len(panels)), name) for name, p in panels.items()))


def _drawn(picture: Image, values: Alpha | NDArray[np.uint8]) -> Image:
    if values.dtype == np.uint8:
        return painted(picture, values.astype(np.uint8, copy=False))
    return cut_out(picture, values.astype(np.float32, copy=False))


def _fit(picture: Image, panels: int) -> Image:
    """Shrink a panel so that all fit; even sides, as 4:2:0 video needs them."""
    scale = min(1.0, MAX_WIDTH / (panels * picture.shape[1]))
    width, height = (max(2, round(side * scale / 2) * 2) for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
