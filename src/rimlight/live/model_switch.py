"""The model that a live run thinks with: the one that was asked for, or a lighter one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction

import numpy as np

from rimlight.core.config import ComponentConfig
from rimlight.core.frame import Frame
from rimlight.factory.segmenter import find_lighter, open_segmenter
from rimlight.pipeline.hot_swap import SwappablePipeline

PEOPLE_EFFECTS = frozenset({"blur", "cutout", "flip", "hud", "replace"})
"""Effects that need no other class than people, unless they are told to keep one."""


class ModelSwitch:
    """Changes the model of a run. For the thread that runs it.

    Args:
        pipeline: the run.
        part: what its model was opened from.
        size: (width, height) of its pictures.
    """

    def __init__(
        self, pipeline: SwappablePipeline, part: ComponentConfig, size: tuple[int, int]
    ) -> None:
        self._pipeline = pipeline
        self._size = size
        self._is_light = False
        self.asked = part
        """What the user wants."""

    def use(self, part: ComponentConfig, effects: Sequence[ComponentConfig]) -> None:
        """Open another model, try it on a plain picture, then change over.

        Raises:
            RimlightError: it does not open or does not run; the run goes on with the old one.
        """
        self._change((self._is_light and self.lighter(part, effects)) or part)
        self.asked = part

    def lighten(self, effects: Sequence[ComponentConfig], *, on: bool) -> None:
        """Change to the lighter model, or back to what was asked for.

        Raises:
            RimlightError: it does not open or does not run; the run goes on with the old one.
        """
        self._change((on and self.lighter(self.asked, effects)) or self.asked)
        self._is_light = on

    def lighter(
        self, part: ComponentConfig, effects: Sequence[ComponentConfig]
    ) -> ComponentConfig | None:
        """Return what could stand in for a model, as far as `effects` are concerned."""
        kept = {name for each in effects for name in each.options.get("keep", ())}
        people = kept <= {"person"} and all(each.kind in PEOPLE_EFFECTS for each in effects)
        return find_lighter(part, self._size) if people else None

    def _change(self, part: ComponentConfig) -> None:
        segmenter = open_segmenter(part, self._size)
        with ExitStack() as on_error:
            on_error.callback(segmenter.close)
            segmenter.segment(_plain(self._size))
            on_error.pop_all()
        self._pipeline.swap_segmenter(segmenter)


def _plain(size: tuple[int, int]) -> Frame:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    return Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0.0)
