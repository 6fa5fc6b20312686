"""Chooses a few frames of a video in which contenders differ, spread over its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.visualize import cut_out

MAX_MOMENTS = 12
HEIGHT = 240
"""Height of the images in pixels."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Moment:
    """A frame in the report.

    Attributes:
        name: of the frame.
        spread: how much the alphas differ, in [0, 1].
        panels: BGR uint8 (h, w, 3) by name: the image, then the cut-out of each contender.
    """

    name: str
    spread: float
    panels: Mapping[str, Image]


class Moments:
    """Keeps of every stretch of frames the one in which the contenders differ most.

    Stretches grow with the number of frames, so that at most `MAX_MOMENTS` are kept.
    """

    def __init__(self) -> None:
        self._count, self._stretch = 0, 1
        self._kept: list[Moment] = []

    def __iter__(self) -> Iterator[Moment]:
        """Iterate over what is kept, in the order of the frames."""
        return iter(tuple(self._kept))

    def add(self, name: str, image: Image, alphas: Mapping[str, Alpha]) -> None:
        """Add the next frame: BGR uint8 (h, w, 3), and float32 (h, w) by contender."""
        spread = _measure_spread(alphas)
        is_first = self._count % self._stretch == 0
        self._count += 1
        if is_first:
            self._kept.append(_draw(name, spread, image, alphas))
        elif spread > self._kept[-1].spread:
            self._kept[-1] = _draw(name, spread, image, alphas)
        if len(self._kept) > MAX_MOMENTS:
            self._merge()

    def _merge(self) -> None:
        """Double the stretches; of each two, keep the frame with the larger spread."""
        pairs = [self._kept[at : at + 2] for at in range(0, len(self._kept), 2)]
        self._kept = [max(pair, key=lambda moment: moment.spread) for pair in pairs]
        self._stretch *= 2


def _measure_spread(alphas: Mapping[str, Alpha]) -> float:
    small = np.stack(
        [cv2.resize(alpha, (64, 64), interpolation=cv2.INTER_AREA) for alpha in alphas.values()]
    )
    return float(np.ptp(small, axis=0).mean())


def _draw(name: str, spread: float, image: Image, alphas: Mapping[str, Alpha]) -> Moment:
    size = (max(1, round(image.shape[1] * HEIGHT / image.shape[0])), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    panels = {"image": small}
    for contender, alpha in alphas.items():
        drawn = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        panels[contender] = cut_out(small, drawn.astype(np.float32))
    return Moment(name, spread, panels)
