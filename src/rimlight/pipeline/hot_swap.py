"""The components of a live run that can be replaced while it runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rimlight.core.protocols import Effect, Refiner, Segmenter, SupportsReducedRate


class HotSwap:
    """Replaces components between two frames; half of a change is never used.

    Args:
        segmenter: the model to begin with; its opener closes it.
        refiners: improve each mask, in this order.
        effects: make the frame that is shown, in this order.
    """

    def __init__(
        self, segmenter: Segmenter, refiners: Sequence[Refiner], effects: Sequence[Effect]
    ) -> None:
        self._segmenter = segmenter
        self._pending: Segmenter | None = None
        self._owned: Segmenter | None = None
        """The model in use, if it was given to `replace_segmenter`."""
        self._lock = threading.Lock()
        """Held for the moment in which the pending model changes hands."""
        self._is_rate_reduced = False
        self.refiners: Sequence[Refiner] = tuple(refiners)
        self.effects: Sequence[Effect] = effects

    def replace_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Use other effects from the next frame; return the old ones, to be closed."""
        old, self.effects = self.effects, effects
        self.set_reduced_rate(on=self._is_rate_reduced)
        return old

    def replace_refiners(self, refiners: Sequence[Refiner]) -> None:
        """Use other refiners from the next mask."""
        self.refiners = tuple(refiners)

    def replace_segmenter(self, segmenter: Segmenter) -> None:
        """Use another model from its next frame, without waiting for that.

        The run closes it, at its end or when the next one takes its place, and the old one too.
        """
        skipped = self._exchange_pending(segmenter)
        if skipped:
            skipped.close()

    def activate_segmenter(self) -> Segmenter:
        """Change to the pending model, if any; return the one in use. For the inference thread."""
        pending = self._exchange_pending(None)
        if pending:
            old, self._segmenter, self._owned = self._segmenter, pending, pending
            old.close()
        return self._segmenter

    def can_reduce_rate(self) -> bool:
        """Return True if an effect can do a part of its work less often."""
        return any(isinstance(effect, SupportsReducedRate) for effect in self.effects)

    def set_reduced_rate(self, *, on: bool) -> None:
        """Let the effects that support it work less often, now and after a replacement."""
        self._is_rate_reduced = on
        for effect in self.effects:
            if isinstance(effect, SupportsReducedRate):
                effect.set_reduced_rate(on=on)

    def close(self) -> None:
        """Close the models that were given to `replace_segmenter`."""
        for segmenter in (self._exchange_pending(None), self._owned):
            if segmenter:
                segmenter.close()

    def _exchange_pending(self, segmenter: Segmenter | None) -> Segmenter | None:
        with self._lock:
            previous, self._pending = self._pending, segmenter
        return previous
