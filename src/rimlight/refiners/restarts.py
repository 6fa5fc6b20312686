"""Refiners whose state does not reach back further than a segment, for runs that can go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from rimlight.core.frame import Frame, Mask

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Refiner


class RestartingRefiner:
    """Runs a chain of refiners that is opened anew for each segment of time.

    The chain of a segment already sees the masks of the `warm_s` seconds before it, so there is no
    jolt where it takes over. As its state depends on nothing earlier, a run that begins there gives
    the same masks, to the bit, as one that comes from the start.

    Args:
        open_chain: opens the refiners, in the order they are applied.
        segment_s: a mask belongs to segment number `pts // segment_s`.
        warm_s: at most `segment_s`.
    """

    def __init__(
        self,
        open_chain: Callable[[], Sequence[Refiner]],
        *,
        segment_s: Fraction,
        warm_s: Fraction,
    ) -> None:
        self._open_chain = open_chain
        self._segment_s = segment_s
        self._warm_s = warm_s
        self._number: int | None = None
        self._chain: Sequence[Refiner] = ()
        self._next: Sequence[Refiner] = ()
        self._next_number: int | None = None

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` as the chain of the frame's segment refines it."""
        number = frame.pts // self._segment_s
        if number != self._number:
            self._take_over(number)
        if frame.pts >= (number + 1) * self._segment_s - self._warm_s:
            if self._next_number is None:
                self._next, self._next_number = self._open_chain(), number + 1
            _apply(self._next, mask, frame)
        return _apply(self._chain, mask, frame)

    def _take_over(self, number: int) -> None:
        _close(self._chain)
        if self._next_number == number:
            self._chain = self._next
        else:
            _close(self._next)
            self._chain = self._open_chain()
        self._number = number
        self._next, self._next_number = (), None

    def close(self) -> None:
        """Close the refiners."""
        _close(self._chain)
        _close(self._next)
        self._chain = self._next = ()
        self._number = self._next_number = None


def _apply(chain: Sequence[Refiner], mask: Mask, frame: Frame) -> Mask:
    for refiner in chain:
        mask = refiner.refine(mask, frame)
    return mask


def _close(chain: Sequence[Refiner]) -> None:
    for refiner in chain:
        refiner.close()
