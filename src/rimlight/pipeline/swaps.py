"""A pipeline whose parts can be exchanged while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rimlight.buffer import FrameBuffer, Policy
from rimlight.frame import Frame
from rimlight.pipeline.parts import Easing, Effect, Refiner, Segmenter, Sink, Source
from rimlight.pipeline.runner import Pipeline
from rimlight.pipeline.settings import Settings

_WAITING = 8


class SwappablePipeline(Pipeline):
    """Takes other parts between two of its frames; half of a change is never seen."""

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        sinks: Sequence[Sink],
        *,
        refiners: Sequence[Refiner] = (),
        effects: Sequence[Effect] = (),
        settings: Settings | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            source,
            segmenter,
            sinks,
            refiners=refiners,
            effects=effects,
            settings=settings,
            on_frame=on_frame,
            clock=clock,
        )
        self._next_segmenters: FrameBuffer[Segmenter] = FrameBuffer(_WAITING, Policy.WAIT)
        self._eased = False

    @property
    def refiners(self) -> Sequence[Refiner]:
        """What improves masks now."""
        return self._refiners

    def swap_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Use other effects from the next frame on; return the old ones, to be closed."""
        old, self._effects = self._effects, effects
        self.ease(on=self._eased)
        return old

    def swap_refiners(self, refiners: Sequence[Refiner]) -> None:
        """Improve masks by these from the next mask on."""
        self._refiners = tuple(refiners)

    def swap_segmenter(self, segmenter: Segmenter) -> None:
        """Use another model from its next frame on; the run closes the old one."""
        self._next_segmenters.put(segmenter)

    @property
    def can_ease(self) -> bool:
        """One of the effects can do a part of its work less often."""
        return any(isinstance(effect, Easing) for effect in self._effects)

    def ease(self, *, on: bool) -> None:
        """Let effects that can do a part of their work less often do so, now and after a swap."""
        self._eased = on
        for effect in self._effects:
            if isinstance(effect, Easing):
                effect.ease(on=on)

    def _take_over(self) -> None:
        """Change to the newest model that was brought. For the inference thread."""
        while len(self._next_segmenters):
            self._segmenter.close()
            self._segmenter = next(iter(self._next_segmenters))
