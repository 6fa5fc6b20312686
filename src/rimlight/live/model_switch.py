"""Switches a live run between the requested model and a lighter one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction

import numpy as np

from rimlight.core.config import EffectConfig, SegmenterConfig
from rimlight.core.frame import Frame
from rimlight.factory.segmenter import find_lighter, open_segmenter
from rimlight.pipeline.hot_swap import HotSwap


class ModelSwitch:
    """Replaces the model of a run. For the thread that runs it.

    Args:
        components: of the run.
        component: what its model was opened from.
        size: (width, height) of its frames.
    """

    def __init__(
        self, components: HotSwap, component: SegmenterConfig, size: tuple[int, int]
    ) -> None:
        self._components = components
        self._size = size
        self._is_light = False
        self.requested = component
        """The model that the user chose."""

    def switch_to(self, component: SegmenterConfig, effects: Sequence[EffectConfig]) -> None:
        """Open another model, try it on a plain frame, then switch to it.

        Raises:
            RimlightError: it does not open or does not run; the run keeps the old one.
        """
        self._replace((self._is_light and self.find_lighter(component, effects)) or component)
        self.requested = component

    def set_lighter(self, effects: Sequence[EffectConfig], *, on: bool) -> None:
        """Switch to the lighter model, or back to the requested one.

        Raises:
            RimlightError: it does not open or does not run; the run keeps the old one.
        """
        self._replace((on and self.find_lighter(self.requested, effects)) or self.requested)
        self._is_light = on

    def find_lighter(
        self, component: SegmenterConfig, effects: Sequence[EffectConfig]
    ) -> SegmenterConfig | None:
        """Return a lighter model that serves `effects` as well, None if there is none."""
        kept = {name for each in effects for name in getattr(each.options, "keep", None) or ()}
        needs_people_only = kept <= {"person"} and all(
            each.component_class.person_only for each in effects
        )
        return find_lighter(component, self._size) if needs_people_only else None

    def _replace(self, component: SegmenterConfig) -> None:
        segmenter = open_segmenter(component, self._size)
        with ExitStack() as on_error:
            on_error.callback(segmenter.close)
            segmenter.segment(_make_plain(self._size))
            on_error.pop_all()
        self._components.replace_segmenter(segmenter)


def _make_plain(size: tuple[int, int]) -> Frame:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    return Frame.from_bgr(image, index=0, pts=Fraction(0), captured_at=0.0)
