"""Images and videos that show what a mask does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import SinkConfig
from rimlight.core.frame import SourceInfo
from rimlight.core.protocols import Sink
from rimlight.factory.sinks import open_sink
from rimlight.lab.evaluation.datasets import Dataset, Sample
from rimlight.lab.evaluation.labels import VOID
from rimlight.lab.evaluation.metrics import Alpha

Image = NDArray[np.uint8]
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.uint8])

STRIP_HEIGHT = 220
BACKDROP = (90, 190, 60)
"""BGR behind what was cut out: a green that neither skin nor most rooms hold."""


def cut_out(picture: Image, alpha: Alpha) -> Image:
    """Return BGR uint8 (h, w, 3) `picture` over the backdrop; alpha float32 (h, w) in [0, 1]."""
    behind = np.empty_like(picture)
    behind[:] = BACKDROP
    return cast(Image, cv2.blendLinear(picture, behind, alpha, 1 - alpha))


def paint_labels(picture: Image, labels: NDArray[np.uint8]) -> Image:
    """Return `picture` half covered with one color for each label; `VOID` stays as it is."""
    colors = _make_palette()[labels]
    mixed = cv2.addWeighted(picture, 0.45, colors, 0.55, 0)
    return cast(Image, np.where((labels == VOID)[..., None], picture, mixed))


def make_alpha_strip(picture: Image, truth: Alpha, alpha: Alpha) -> Image:
    """Return the picture, the true cut-out and the given one, side by side and small."""
    small = _shrink(picture)
    return stack_horizontally(small, cut_out(small, _shrink(truth)), cut_out(small, _shrink(alpha)))


def make_label_strip(picture: Image, truth: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Image:
    """Return the picture, the true classes and the given ones, side by side and small."""
    return _shrink(
        stack_horizontally(picture, paint_labels(picture, truth), paint_labels(picture, labels))
    )


def stack_horizontally(*pictures: Image) -> Image:
    """Return BGR pictures of one height in a row."""
    return cast(Image, np.hstack(pictures))


def draw_caption(picture: Image, text: str) -> Image:
    """Return a copy of `picture` with `text` at its upper left."""
    out = picture.copy()
    scale = max(0.4, picture.shape[0] / 900)
    place = (8, round(28 * scale) + 4)
    for color, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(out, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, width, cv2.LINE_AA)
    return out


def _make_palette() -> Image:
    """Return 256 BGR colors, neighbors far apart: hues step by the golden angle."""
    steps = np.arange(256)
    hue = (steps * 111.246 % 180).astype(np.uint8)
    hsv = np.dstack([hue, np.full_like(hue, 200), np.full_like(hue, 235)])
    return cast(Image, cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0])


def _shrink(values: Values) -> Values:
    scale = STRIP_HEIGHT / values.shape[0]
    size = (max(1, round(values.shape[1] * scale)), STRIP_HEIGHT)
    return cast(Values, cv2.resize(values, size, interpolation=cv2.INTER_AREA))


MAX_WIDTH = 2560
"""The videos are at most this many pixels wide; the panels shrink."""


class ComparisonVideos:
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
        self, data: Dataset, sample: Sample, shown: Mapping[str, Alpha | NDArray[np.uint8]]
    ) -> None:
        """Add the next frame of a sequence; single pictures are left out."""
        if data.rate is None:
            return
        picture = _compose_panels(sample, shown)
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
            self.written.append(self._make_path())

    def abort(self) -> None:
        """Throw away the video that is being written."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abort()

    def _open(self, data: Dataset, picture: Image) -> None:
        self._names.append(data.name)
        size = (picture.shape[1], picture.shape[0])
        config = SinkConfig.model_validate(
            {"kind": "video", "path": self._make_path(), "overwrite": self._overwrite}
        )
        self._sink = open_sink(config, SourceInfo(data.name, size, rate=data.rate))

    def _make_path(self) -> Path:
        number = len(self._names)
        name = self._path.name if number == 1 else f"{self._path.stem}-{number}{self._path.suffix}"
        return self._path.with_name(name)


def _compose_panels(sample: Sample, shown: Mapping[str, Alpha | NDArray[np.uint8]]) -> Image:
    picture = sample.frame.bgr
    panels = {"picture": picture}
    truth = sample.alpha if sample.alpha is not None else sample.labels
    if truth is not None:
        panels["truth"] = _draw_values(picture, truth)
    panels |= {name: _draw_values(picture, values) for name, values in shown.items()}
    return stack_horizontally(
        *(draw_caption(_shrink_panel(p, len(panels)), name) for name, p in panels.items())
    )


def _draw_values(picture: Image, values: Alpha | NDArray[np.uint8]) -> Image:
    if values.dtype == np.uint8:
        return paint_labels(picture, values.astype(np.uint8, copy=False))
    return cut_out(picture, values.astype(np.float32, copy=False))


def _shrink_panel(picture: Image, panels: int) -> Image:
    """Shrink a panel so that all fit; even sides, as 4:2:0 video needs them."""
    scale = min(1.0, MAX_WIDTH / (panels * picture.shape[1]))
    width, height = (max(2, round(side * scale / 2) * 2) for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
