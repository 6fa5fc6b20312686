"""A pipeline whose parts can be exchanged while it runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rimlight.core.protocols import Effect, Refiner, Segmenter, SupportsReducedRate
from rimlight.pipeline.pipeline import Pipeline, Threads

_exchanging = threading.Lock()
"""Held for the moment in which a model that waits changes hands."""


class SwappablePipeline(Pipeline):
    """Takes other parts between two of its frames; half of a change is never seen."""

    _brought: Segmenter | None = None
    """Waits until the inference thread takes it."""
    _own: Segmenter | None = None
    """The model, if it was brought."""
    _eased = False

    @property
    def refiners(self) -> Sequence[Refiner]:
        """What improves masks now."""
        return self._refiners

    def swap_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Use other effects from the next frame on; return the old ones, to be closed."""
        old, self._effects = self._effects, effects
        self.set_reduced_rate(on=self._eased)
        return old

    def swap_refiners(self, refiners: Sequence[Refiner]) -> None:
        """Improve masks by these from the next mask on."""
        self._refiners = tuple(refiners)

    def swap_segmenter(self, segmenter: Segmenter) -> None:
        """Use another model from its next frame on, without waiting for that.

        The run closes it: at its end, or when another is brought. It closes the old one too.
        """
        skipped = self._exchange(segmenter)
        if skipped:
            skipped.close()

    @property
    def can_ease(self) -> bool:
        """One of the effects can do a part of its work less often."""
        return any(isinstance(effect, SupportsReducedRate) for effect in self._effects)

    def set_reduced_rate(self, *, on: bool) -> None:
        """Let effects that can do a part of their work less often do so, now and after a swap."""
        self._eased = on
        for effect in self._effects:
            if isinstance(effect, SupportsReducedRate):
                effect.set_reduced_rate(on=on)

    def _take_over(self) -> None:
        """Change to the model that was brought last, if any. For the inference thread."""
        brought = self._exchange(None)
        if brought:
            old, self._segmenter, self._own = self._segmenter, brought, brought
            old.close()

    def _exchange(self, segmenter: Segmenter | None) -> Segmenter | None:
        """Let `segmenter` wait; return the one that waited."""
        with _exchanging:
            waited, self._brought = self._brought, segmenter
        return waited

    def _end(self, threads: Threads) -> None:
        super()._end(threads)
        for brought in (self._exchange(None), self._own):
            if brought:
                brought.close()
